"""Files that could be read in two ways, or of another model: refused in words that lead on."""

import functools
import itertools
import json
import pathlib
import pickle
import re
import shlex
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

import rugtui
from rugtui.cli import main
from rugtui.errors import WeightsError
from rugtui.models.weight_files import containers
from rugtui.models.weight_files.weight_file import read_weight_file, read_weights
from tests.models.weight_files.catalogue import Config, layers, linear
from tests.models.weight_files.test_weight_file import W_IN, W_OUT, B, numbers, same

TWO = {"net_a.W": W_IN, "net_a.b": B, "net_b.W": -W_IN, "net_b.b": -B}
PLAIN = {"W_in": W_IN, "W_out": W_OUT, "b": B}
HIDDEN = numbers(3, 3, seed=9)
WIDE = {"mlp.W_in": numbers(4, 9), "mlp.W_out": numbers(9, 4)}
LOPSIDED = W_OUT @ W_IN
SEQUENTIAL = {"0.weight": W_IN, "2.weight": W_OUT, "2.bias": B}
CASES = {
    "two nets": (TWO, "several weights: net_a, net_b; .*w.pt#net_a is the first"),
    "two checkpoints": ({0: {"W": W_IN}, 5000: {"W": W_IN}}, "several weights: 0, 5000"),
    "a list": ([{"W": W_IN}, {"W": W_IN}], "several weights: 0, 1"),
    "an average beside them": ({**PLAIN, "ema.W_in": W_IN, "ema.W_out": W_OUT}, "several weights"),
    "a hidden layer": (
        layers("initial_layer", "final_layer") | {"layers.0.weight": HIDDEN},
        r"layers.0.weight \(3, 3\) .* left over, and it could be another layer",
    ),
    "a hidden layer of SPD": (
        layers("linear1", "linear2") | {"hidden_layers.0.weight": HIDDEN}, "another layer"),
    "a second bias": (PLAIN | {"bias": -B}, "bias .* left over, and it could be a bias or a scale"),
    "a bias by an unknown name": (PLAIN | {"offset": -B}, "offset .* could be a bias"),
    "a bias as a row": ({"W": W_IN, "shift": B[None]}, "shift .* could be a bias"),
    "a bias of hidden units": (PLAIN | {"c": B[:3]}, "c .* could be a bias of hidden units"),
    "a bias of instances": (
        {"W": torch.stack([W_IN, W_IN]), "shift": torch.stack([B, B])}, "2 instances"),
    "a scale": (PLAIN | {"gain": torch.tensor(2.0)}, r"gain \(\) .* could be a scale"),
    "a scale as a number": (PLAIN | {"scale_factor": 2.0}, "scale_factor is 2"),
    "a mask": ({"W": W_IN, "W_mask": W_IN > 0}, "W_mask .* could be another layer"),
    "pruned weights": ({"W_orig": W_IN, "W_mask": W_IN}, "needs arrays named"),
    "LoRA": (layers("encoder", "decoder") | {"encoder.lora_A": W_IN[:2]}, "another layer"),
    "a hidden activation": (
        {"cfg": Config(init_layer_act_func="relu"), "state_dict": layers("encoder", "decoder")},
        r"hidden layer has an activation \(relu\)",
    ),
    "an MLP of a transformer": (WIDE, "mlp.W_in, mlp.W_out .* has an activation between"),
    "something between": (SEQUENTIAL, "layer 1 lies between them"),
    "a layer between": (SEQUENTIAL | {"1.weight": HIDDEN}, "layer 1 lies between them"),
    "an MLP": (layers("fc1", "fc2"), "usually an activation between"),
    "more dimensions than features": (
        layers("encoder", "decoder", W_OUT, W_IN, B[:3]), "7 hidden dimensions for 3 features"),
    "the same without a bias": (
        {"encoder.weight": W_OUT, "decoder.weight": W_IN},
        "stored the other way round: --names W_in=encoder.weight.T,W_out=decoder.weight.T",
    ),
    "as many as features": ({"W_in": HIDDEN, "W_out": HIDDEN}, "cannot be told which axis"),
    "W itself, either way up": ({"W": LOPSIDED}, r"--names W=W or --names W=W\.T"),
    "W itself of full rank": ({"weight": torch.eye(7)}, "of rank 7"),
    "one linear layer": (lambda: nn.Linear(2, 3), "needs arrays named"),
    "a bare matrix": (W_IN, "needs arrays named .* but it has array"),
    "the paper's rug, which saves no W": (
        {"cfg": Config(), "state_dict": {"mean": torch.tensor(0.1), "Adiag": torch.tensor(1.0)}},
        "but it has state_dict.Adiag, state_dict.mean",
    ),
    "an activation that no run has": (
        PLAIN | {"cfg": Config(activation="sigmoid")}, "names the activation sigmoid"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "told"), CASES.values(), ids=CASES)
def test_ambiguous_files_are_refused(content, told, tmp_path, capsys):
    torch.save(content() if callable(content) else content, tmp_path / "w.pt")
    assert main(["predict", str(tmp_path / "w.pt"), "--p", "0.2", "--json"]) == 2
    out, err = capsys.readouterr()
    assert not out
    line = err.splitlines()[-1]
    assert re.search(told, line), line
    assert str(tmp_path / "w.pt") in line or "the activation sigmoid" in line


@pytest.mark.parametrize("name", [name for name, (_, told) in CASES.items() if "left over" in told])
def test_the_names_that_a_refusal_prints_work_when_pasted(name, tmp_path, capsys):
    torch.save(CASES[name][0], tmp_path / "w.pt")
    command = ["predict", str(tmp_path / "w.pt"), "--p", "0.2", "--json"]
    assert main(command) == 2
    pasted = capsys.readouterr().err.strip().rpartition("say so: ")[2]
    assert main([*command, *shlex.split(pasted)]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["n_sparse"] == 7
    assert "left over: " in err


def test_the_same_weights_whatever_the_order_and_the_hash_seed(tmp_path):
    """Candidates come from sets; their order may not."""
    told = set()
    for order in itertools.permutations(TWO.items()):
        torch.save(dict(order), tmp_path / "w.pt")
        with pytest.raises(WeightsError) as caught:
            read_weights(tmp_path / "w.pt")
        told.add(str(caught.value))
        same(read_weights(f"{tmp_path}/w.pt#net_b"), -W_IN, -W_IN.T, -B)
    assert len(told) == 1


def test_a_candidate_by_option_and_by_name(tmp_path, capsys):
    path = tmp_path / "w.pt"
    torch.save(TWO, path)
    losses = []
    for arguments in (
        [f"{path}#net_a"],
        [f"{path}#net_a.W"],
        [str(path), "--names", "W_in=net_a.W,b=net_a.b"],
        [f"{path}#W_in=net_a.W,b=net_a.b"],
    ):
        assert main(["predict", *arguments, "--p", "0.2", "--json"]) == 0
        losses.append(json.loads(capsys.readouterr().out)["loss_exact"])
    assert len(set(losses)) == 1
    for fragment, told in (
        ("net_c", "no weights named 'net_c': it has net_a, net_b"),
        ("W_in=x", "no array 'x': it has net_a.W"),
        ("b=net_a.b", "Names must say W_in"),
        ("W_in", "no weights named 'W_in'"),
        ("w=net_a.W", "'w=net_a.W' is none of these"),
    ):
        assert main(["predict", f"{path}#{fragment}"]) == 2
        assert told in capsys.readouterr().err
    assert main(["export", f"{path}#net_b", "-o", f"{tmp_path}/out.npz"]) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "out.npz")["W_in"], -W_IN.numpy())
    assert main(["export", f"{path}#net_b", "--format", "npz"]) == 0
    assert (pathlib.Path("w.npz")).unlink() is None


@pytest.fixture(autouse=True)
def in_its_own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def test_instances_within_a_candidate(tmp_path):
    torch.save({"a": {"W": torch.stack([-W_IN, W_IN])}, "b": {"W": W_IN}}, tmp_path / "w.pt")
    same(read_weights(f"{tmp_path}/w.pt#a#1"), W_out=W_IN.T, b=torch.zeros(7))
    with pytest.raises(WeightsError, match="2 instances"):
        read_weights(f"{tmp_path}/w.pt#a")


def test_names_that_transpose(tmp_path):
    torch.save({"A": W_IN.T.contiguous(), "C": LOPSIDED.T.contiguous()}, tmp_path / "w.pt")
    same(read_weights(f"{tmp_path}/w.pt#W_in=A.T"), W_out=W_IN.T, b=torch.zeros(7))
    found = read_weight_file(f"{tmp_path}/w.pt#W=C.T")
    same(found.weights, b=torch.zeros(7))
    assert "of rank 3" in found.report


class Exploding:
    """Unpickled, it leaves a file behind, however it is pickled."""

    def __init__(self, mark, how):
        self.mark, self.how = mark, how

    def __reduce__(self):
        return {
            "call": (pathlib.Path.touch, (self.mark,)),
            "state": (Config, (), {"x": 1}, iter([self.mark]), None),
            "partial": (functools.partial, (pathlib.Path.touch, self.mark)),
        }[self.how]


@pytest.mark.parametrize("how", ["call", "state", "partial"])
@pytest.mark.parametrize("old", [False, True])
def test_objects_beside_the_weights_are_never_run(how, old, tmp_path):
    mark = tmp_path / "exploded"
    objects = {"a": Exploding(mark, how), "b": [Exploding(mark, how)], "when": np.float32(0.5)}
    content = {"state_dict": PLAIN, "extra": objects, "path": pathlib.Path("x"), "f": print}
    torch.save(content, tmp_path / "w", _use_new_zipfile_serialization=not old)
    same(read_weights(tmp_path / "w"))
    assert not mark.exists()


def test_settings_that_a_file_does_not_state_are_none(tmp_path, capsys):
    path = tmp_path / "w.npz"
    np.savez(path, **{name: array.numpy() for name, array in PLAIN.items()})
    saved = rugtui.load(path)
    assert (saved.settings.p, saved.settings.activation) == (None, None)
    assert saved.settings.as_dict()["p"] is None
    assert "p=unknown" in repr(saved)
    assert saved.settings.replace(p=0.3, activation="relu").p == 0.3
    assert main(["export", str(path), "--format", "json"]) == 0
    out, err = capsys.readouterr()
    facts = json.loads(out)
    assert (facts["settings"]["p"], facts["statistics"]["p"]) == (None, 0.05)
    assert "does not say its p" in err
    assert "does not name its activation" in err
    assert main(["export", str(path), "-o", "again.npz", "--p", "0.3", "--activation", "relu"]) == 0
    again = rugtui.load("again.npz").settings
    assert (again.p, again.activation) == (0.3, "relu")


@pytest.mark.parametrize("activation", ["identity", "tanh", "relu"])
def test_losses_with_an_activation(activation, tmp_path, capsys):
    """Held against the model, run in the open."""
    path = tmp_path / "w.pt"
    torch.save(PLAIN, path)
    assert main(["predict", str(path), "--p", "0.2", "--activation", activation, "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert "does not say" not in err
    assert "does not name" not in err
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(40_000, 7, generator=generator)
    x *= torch.rand(40_000, 7, generator=generator) < 0.2
    pre = x @ W_IN.T @ W_OUT.T + B
    y = pre if activation == "identity" else getattr(torch, activation)(pre)
    each = (x - y).square().mean(1)
    error = float(each.std()) / 200
    known = found["loss_sampled"] if activation == "tanh" else found["loss_exact"]
    more = found["loss_sampled_standard_error"] if activation == "tanh" else 0
    assert known == pytest.approx(float(each.mean()), abs=4 * (error + more))
    if activation == "tanh":
        assert found["loss_exact"] is found["loss_gaussian"] is None
    assert main(["export", str(path), "--format", "json", "--activation", activation]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["settings"]["activation"] == activation
    assert (facts["statistics"]["exact"] is None) == (activation == "tanh")
    assert ("caveat" in facts) == (activation != "relu")


def test_bugs_of_our_own_keep_their_traceback(tmp_path, monkeypatch):
    """What a damaged file cannot cause is not blamed on the file."""
    torch.save(PLAIN, tmp_path / "w.pt")
    for bug in (TypeError, AttributeError, KeyError, AssertionError, RuntimeError, MemoryError):

        def broken(*_, bug=bug):
            raise bug("ours")

        monkeypatch.setattr(containers, "arrays_in", broken)
        with pytest.raises(bug, match="ours"):
            read_weights(tmp_path / "w.pt")


def test_unusual_files(tmp_path):
    """Each is read, or says in one sentence what it is."""
    shared = nn.Parameter(W_IN.clone())
    twice = nn.ModuleDict({"encoder": linear(W_IN), "decoder": linear(W_OUT, B)})
    compiled = {f"_orig_mod.{name}": x for name, x in layers("encoder", "decoder").items()}
    read = {
        "tied twice": {"W": shared, "tied.W_copy": shared, "b_final": B},
        "a transposed view of W": {"W": W_IN, "W_T": W_IN.T, "b": B},
        "torch.compile": compiled,
        "a module in a list in a dictionary": {"runs": [{"net": twice, "loss": 0.1}]},
        "a tuple of keys": {(64, 16): {"W": W_IN, "b": B}},
        "buffers": layers("encoder", "decoder") | {"num_batches_tracked": torch.tensor(3)},
        "gradients": PLAIN | {"grads": PLAIN},
        "JAX's optimizer": {"params": PLAIN, "opt_state": ({"mu": PLAIN, "nu": PLAIN}, 3)},
        "metadata": OrderedDict(PLAIN),
    }
    for name, content in read.items():
        torch.save(content, tmp_path / "w")
        assert read_weights(tmp_path / "w").n_sparse == 7, name
    np.savez(tmp_path / "w.npz", config=np.array({"a": 1}, dtype=object), **PLAIN)
    assert read_weights(tmp_path / "w.npz").n_sparse == 7
    for name, content, told in (
        ("keras.h5", b"\x89HDF\r\n\x1a\n" + bytes(64), "begins like none of them"),
        ("w.json", b'{"W": [[1, 2]]}', "begins like none of them"),
        ("w.pt", b"version https://git-lfs.github.com/spec/v1\n", "not a whole .pt file"),
        ("w.npz", b"\x1f\x8b" + bytes(64), "not a whole .npz file"),
        ("w.pkl", pickle.dumps(3), "needs arrays named"),
        ("w.txt", b"0.1 0.2\n", "begins like none of them"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(WeightsError, match=told):
            read_weights(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "code.zip", "w") as archive:
        archive.writestr("main.py", "print()")
    with pytest.raises(WeightsError, match="a zip archive, but neither of NumPy nor of PyTorch"):
        read_weights(tmp_path / "code.zip")
