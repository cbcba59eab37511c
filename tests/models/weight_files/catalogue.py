"""Files as other projects save them: the list that tests open and that the README shows."""

from __future__ import annotations

import pickle
from collections import OrderedDict, namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

from tests.models.weight_files.test_weight_file import W_IN, W_OUT, B

README = Path(__file__).parents[3] / "README.md"
BEGIN, END = "<!-- weight files: the tests' own list -->", "<!-- end of weight files -->"
F, H = 7, 3  # features and hidden dimensions


@dataclass(frozen=True)
class Case:
    """A file that somebody saves; `make` writes it. W_out and b are what must be read."""

    project: str
    arrays: str
    saved: str
    make: Callable[[Path], Any]
    W_out: torch.Tensor = W_OUT
    b: torch.Tensor = B
    fragment: str = ""


def linear(weight, bias=None):
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    layer.weight.data = weight.clone()
    if bias is not None:
        layer.bias.data = bias.clone()
    return layer


def layers(first, last, W_in=W_IN, W_out=W_OUT, b=B):
    return {f"{first}.weight": W_in, f"{last}.weight": W_out, f"{last}.bias": b}


def kernels(first, last):
    return {f"{first}/kernel": W_IN.T, f"{last}/kernel": W_OUT.T, f"{last}/bias": B}


class Config:
    """Stands for the configuration that a project pickles beside its weights."""

    def __init__(self, **known):
        self.__dict__.update(known)


class ToyModel(nn.Module):
    """A module as in ARENA: parameters, and plain attributes beside them."""

    def __init__(self):
        super().__init__()
        self.cfg = Config(n_features=F, n_hidden=H, act=nn.functional.relu)
        self.importance = torch.ones(F)
        self.feature_probability = torch.full((F,), 0.1)
        self.W = nn.Parameter(W_IN.clone())
        self.b_final = nn.Parameter(B.clone())


class ToyAutoencoder(nn.Module):
    """A module as in devinterp, tied by sharing numbers."""

    def __init__(self):
        super().__init__()
        self.nonlinearity = nn.functional.relu
        self.scale_factor = 1.0
        self.embedding = linear(W_IN)
        self.unembedding = linear(W_IN.T, B)
        self.unembedding.weight = nn.Parameter(self.embedding.weight.transpose(0, 1))


Params = namedtuple("Params", ["W_in", "W_out", "b"])


def torch_save(content, **how):
    def make(path):
        found = content() if callable(content) else content
        torch.save(found, path, **how)

    return make


def npz(arrays):
    return lambda path: np.savez(path.open("wb"), **{k: v.numpy() for k, v in arrays.items()})


def persian_rug():
    """What `Model.save` of the paper's code writes, with NumPy scalars in its configuration."""
    known = {"n_sparse": F, "n_dense": H, "lr": np.float64(3e-3) / np.sqrt(F)}
    cfg = Config(**known, init_layer_act_func="identity", final_layer_act_func="relu")
    model = nn.Module()
    model.initial_layer, model.final_layer = linear(W_IN), linear(W_OUT, B)
    return {"cfg": cfg, "state_dict": model.state_dict(), "losses": [0.1, 0.05], "p_feat": 0.2}


def lightning():
    """A checkpoint as Lightning writes it: nested, with paths, scalars and objects."""
    state = {f"net.{name}": array for name, array in layers("encoder", "decoder").items()}
    moments = {0: {"step": torch.tensor(7.0), "exp_avg": W_IN, "exp_avg_sq": W_IN**2}}
    return {
        "epoch": 3,
        "global_step": 70,
        "pytorch-lightning_version": "2.2.0",
        "state_dict": OrderedDict(state),
        "loops": {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 4}}}},
        "callbacks": {
            "ModelCheckpoint": {"best": Path("x"), "best_model_score": torch.tensor(1.0)}
        },
        "optimizer_states": [{"state": moments, "param_groups": [{"lr": 1e-3, "params": [0]}]}],
        "lr_schedulers": [{"base_lrs": [np.float64(1e-3)], "fn": partial(max, 1)}],
        "hyper_parameters": Config(n_features=F, device=torch.device("cpu")),
    }


W = W_OUT @ W_IN
TIED = W_IN.T
CASES = [
    Case("rugtui", "W_in, W_out, b", ".safetensors", lambda path: save_file(
        {"W_in": W_IN.contiguous(), "W_out": W_OUT.contiguous(), "b": B}, path)),
    Case("rugtui", "W_in, W_out, b", ".npz", npz({"W_in": W_IN, "W_out": W_OUT, "b": B})),
    Case("PersianRug", "initial_layer.weight, final_layer.weight, final_layer.bias",
         "its own N.model, no suffix", torch_save(persian_rug)),
    Case("Anthropic's toy models, ARENA", "W, b_final", "state dict in .pt",
         torch_save({"W": W_IN, "b_final": B}), TIED),
    Case("Anthropic's toy models, ARENA", "W, b_final of many instances", ".pt, FILE#1",
         torch_save({"W": torch.stack([-W_IN, W_IN]).mT, "b_final": torch.stack([-B, B])}),
         TIED, fragment="#1"),
    Case("ARENA", "W, b_final", "the whole model, torch.save(model)", torch_save(ToyModel), TIED),
    Case("devinterp", "embedding.weight, unembedding.weight, unembedding.bias", "state dict in .pt",
         torch_save(layers("embedding", "unembedding"))),
    Case("devinterp", "embedding.weight, unembedding.weight, unembedding.bias",
         "the whole model", torch_save(ToyAutoencoder), TIED),
    Case("Goodfire SPD", "linear1.weight, linear2.weight, linear2.bias", "tms.pth",
         torch_save(layers("linear1", "linear2"))),
    Case("Goodfire SPD, APD", "linear1.weight (instances, in, out), linear2.weight, b_final",
         ".pth, FILE#1", torch_save({
             "linear1.weight": torch.stack([-W_IN, W_IN]).mT,
             "linear2.weight": torch.stack([-W_OUT, W_OUT]).mT, "b_final": torch.stack([-B, B])}),
         fragment="#1"),
    Case("Goodfire APD", "linear1.weight, b_final", ".pth, FILE#1", torch_save({
        "linear1.weight": torch.stack([-W_IN, W_IN]).mT, "b_final": torch.stack([-B, B])}),
         TIED, fragment="#1"),
    Case("autoencoders of PyTorch", "encoder.weight, decoder.weight, decoder.bias", ".bin",
         torch_save(layers("encoder", "decoder"))),
    Case("autoencoders of PyTorch", "enc.weight, dec.weight, dec.bias", "DataParallel",
         torch_save({f"module.{name}": x for name, x in layers("enc", "dec").items()})),
    Case("Lightning", "state_dict: net.encoder.weight, net.decoder.weight, …", ".ckpt",
         torch_save(lightning)),
    Case("SAELens", "W_enc, W_dec, b_dec", ".safetensors", lambda path: save_file(
        {"W_enc": W_IN.T.contiguous(), "W_dec": W_OUT.T.contiguous(), "b_dec": B}, path)),
    Case("plain arrays", "enc, dec, b_dec", ".npz",
         npz({"enc": W_IN.T, "dec": W_OUT.T, "b_dec": B})),
    Case("plain arrays", "W1, W2, b2", ".npz", npz({"W1": W_IN, "W2": W_OUT, "b2": B})),
    Case("plain arrays", "b of shape (n_sparse, 1)", ".npz",
         npz({"W_in": W_IN, "W_out": W_OUT, "b": B[:, None]})),
    Case("plain arrays", "b of shape (1, n_sparse)", ".npz",
         npz({"W_in": W_IN, "W_out": W_OUT, "b": B[None]})),
    Case("plain arrays", "W_in, W_out, b of NumPy", "pickle.dump", lambda path: path.write_bytes(
        pickle.dumps({"W_in": W_IN.numpy(), "W_out": W_OUT.numpy(), "b": B.numpy()}))),
    Case("plain arrays", "W_in, W_out, b of NumPy", "torch.save", torch_save(
        {"W_in": W_IN.numpy(), "W_out": W_OUT.numpy(), "b": B.numpy(), "lr": np.float32(0.1)})),
    Case("plain arrays", "state dict", "pickle.dump", lambda path: path.write_bytes(
        pickle.dumps(OrderedDict(W_in=W_IN, W_out=W_OUT, b=B)))),
    Case("plain arrays", "state dict", "torch.save before 1.6", torch_save(
        {"W_in": W_IN, "W_out": W_OUT, "b": B}, _use_new_zipfile_serialization=False)),
    Case("torch.nn.Sequential", "0.weight, 1.weight, 1.bias", "the whole model",
         torch_save(lambda: nn.Sequential(linear(W_IN), linear(W_OUT, B), nn.ReLU()))),
    Case("TorchScript", "encoder.weight, decoder.weight, decoder.bias", "torch.jit.save",
         lambda path: torch.jit.save(torch.jit.script(nn.Sequential(OrderedDict(
             encoder=linear(W_IN), decoder=linear(W_OUT, B)))), path)),
    Case("Flax", "params/encoder/kernel, params/decoder/kernel, …/bias", ".npz",
         npz({f"params/{name}": x for name, x in kernels("encoder", "decoder").items()})),
    Case("Flax", "Dense_0.kernel, Dense_1.kernel, Dense_1.bias", ".safetensors",
         lambda path: save_file({name.replace("/", "."): x.contiguous() for name, x in
                                 kernels("Dense_0", "Dense_1").items()}, path)),
    Case("Haiku", "linear: w; linear_1: w, b", "pickle.dump", lambda path: path.write_bytes(
        pickle.dumps({"linear": {"w": W_IN.T.numpy()},
                      "linear_1": {"w": W_OUT.T.numpy(), "b": B.numpy()}}))),
    Case("lists", "[state dict, state dict]", ".pt, FILE#1",
         torch_save([{"W": -W_IN, "b_final": -B}, {"W": W_IN, "b_final": B}]), TIED, fragment="#1"),
    Case("checkpoints in one file", "{0: state dict, 5000: state dict}", ".pt, FILE#5000",
         torch_save({0: {"W": -W_IN}, 5000: {"W": W_IN}}), TIED, torch.zeros(F), "#5000"),
    Case("sweeps in one file", "{0.05: state dict, 0.1: state dict}", ".pt, FILE#0.1",
         torch_save({0.05: {"W": -W_IN}, 0.1: {"W": W_IN}}), TIED, torch.zeros(F), "#0.1"),
    Case("tuples", "(state dict, losses)", ".pt",
         torch_save(({"W": W_IN, "b_final": B}, [0.1, 0.2])), TIED),
    Case("tuples", "(W_in, W_out, b)", ".pt", torch_save((W_IN, W_OUT, B))),
    Case("named tuples", "Params(W_in, W_out, b)", ".pt", torch_save(Params(W_IN, W_OUT, B))),
    Case("W itself", "weight (n_sparse, n_sparse), bias", "torch.nn.Linear in .pt",
         torch_save({"weight": W, "bias": B}), W),
    Case("W itself", "W (n_sparse, n_sparse), symmetric", ".npy",
         lambda path: np.save(path.open("wb"), (TIED @ W_IN).numpy()), TIED, torch.zeros(F)),
    Case("any other names", "whatever they are", "FILE#W_in=…,W_out=…,b=…, or --names",
         torch_save({"to_hidden": W_IN, "from_hidden": W_OUT, "offset": B}),
         fragment="#W_in=to_hidden,W_out=from_hidden,b=offset"),
]  # fmt: skip


def table() -> str:
    """The list as the README has it; a test says when that is out of date."""
    rows = ["| project | arrays | as | ", "| --- | --- | --- |"]
    rows += [f"| {case.project} | `{case.arrays}` | {case.saved} |" for case in CASES]
    return "\n".join(row.strip() for row in rows)


if __name__ == "__main__":  # python -m tests.models.weight_files.catalogue brings the README up
    before, _, rest = README.read_text().partition(BEGIN)
    README.write_text(f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}")
