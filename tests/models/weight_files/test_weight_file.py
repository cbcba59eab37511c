import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch

from rugtui.errors import WeightsError
from rugtui.models import base
from rugtui.models.weight_files.weight_file import read_weight_file, read_weights

STORED = Path(__file__).parents[2] / "data/weights"
SUFFIXES = [".npz", ".safetensors", ".pt", ".pth"]


def write(path, arrays):
    """The same arrays in the format of the path's suffix."""
    tensors = {name: torch.as_tensor(array).contiguous() for name, array in arrays.items()}
    if path.suffix == ".npz":
        np.savez(path, **{name: tensor.numpy() for name, tensor in tensors.items()})
    elif path.suffix == ".safetensors":
        safetensors.torch.save_file(tensors, path)
    else:
        torch.save(tensors, path)
    return path


def numbers(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


W_IN, W_OUT, B = numbers(3, 7), numbers(7, 3, seed=1), numbers(7, seed=2)


def same(weights, W_in=W_IN, W_out=W_OUT, b=B):
    W = weights.rows(np.arange(weights.n_sparse))
    np.testing.assert_allclose(W, (W_out @ W_in).double(), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(weights.biases(), b.double(), rtol=1e-6)
    assert weights.n_dense == len(W_in)
    assert weights.W_in.dtype == weights.W_out.dtype == weights.b.dtype == torch.float32


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("file", sorted(STORED.glob("*.npz")), ids=lambda file: file.stem)
def test_stored_weights_survive_every_format(file, suffix, tmp_path):
    stored = dict(np.load(file))
    weights = read_weights(write(tmp_path / f"w{suffix}", stored))
    for name, array in stored.items():
        np.testing.assert_array_equal(getattr(weights, name), array)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_each_naming_convention(suffix, tmp_path):
    path = tmp_path / f"w{suffix}"
    same(read_weights(write(path, {"W_in": W_IN, "W_out": W_OUT, "b": B})))
    layers = {"initial_layer.weight": W_IN, "final_layer.weight": W_OUT, "final_layer.bias": B}
    same(read_weights(write(path, layers)))
    same(read_weights(write(path, {"W": W_IN, "b_final": B})), W_out=W_IN.T)
    same(read_weights(write(path, {"W": W_IN.T, "b_final": B})), W_out=W_IN.T)
    same(read_weights(write(path, {f"module.{name}": x for name, x in layers.items()})))


def test_either_orientation_of_the_matrices(tmp_path):
    path = tmp_path / "w.npz"
    same(read_weights(write(path, {"W_in": W_IN.T, "W_out": W_OUT.T, "b": B})))
    same(read_weights(write(path, {"W_in": W_IN.T, "W_out": W_OUT.T})), b=torch.zeros(7))
    wide = numbers(9, 4), numbers(4, 9), numbers(4)  # more dimensions than features
    with pytest.raises(WeightsError, match="9 hidden dimensions for 4 features"):
        read_weights(write(path, dict(zip(("W_in", "W_out", "b"), wide, strict=True))))


def test_biases_that_are_absent_single_or_hidden(tmp_path):
    path = tmp_path / "w.safetensors"
    same(read_weights(write(path, {"W_in": W_IN, "W_out": W_OUT})), b=torch.zeros(7))
    same(read_weights(write(path, {"W": W_IN})), W_out=W_IN.T, b=torch.zeros(7))
    one = {"W_in": W_IN, "W_out": W_OUT, "b": torch.tensor(-0.5)}
    same(read_weights(write(path, one)), b=torch.full((7,), -0.5))
    hidden = numbers(3, seed=5)
    both = {"W_in": W_IN, "W_out": W_OUT, "b": B, "b_in": hidden}
    same(read_weights(write(path, both)), b=B + W_OUT @ hidden)


def test_whether_they_are_tied_and_have_a_bias(tmp_path):
    path = tmp_path / "w.npz"
    for arrays, tied, bias in (
        ({"W": W_IN}, True, False),
        ({"W": W_IN, "b_final": B}, True, True),
        ({"W_in": W_IN, "W_out": W_IN.T}, False, False),
        ({"W_in": W_IN, "W_out": W_OUT, "b": B}, False, True),
    ):
        found = read_weight_file(write(path, arrays))
        assert (found.tied, found.bias) == (tied, bias)


def test_a_file_whose_name_ends_like_an_instance(tmp_path):
    path = write(tmp_path / "w.npz", {"W": W_IN}).rename(tmp_path / "w#1")
    same(read_weights(path), W_out=W_IN.T, b=torch.zeros(7))
    with pytest.raises(WeightsError, match="1 instances"):
        read_weights(f"{path}#1")


def test_instances(tmp_path):
    W, b = numbers(4, 3, 7), numbers(4, 7)
    path = write(tmp_path / "w.pt", {"W": W, "b_final": b})
    same(read_weights(path, instance=2), W[2], W[2].T, b[2])
    same(read_weights(f"{path}#3"), W[3], W[3].T, b[3])
    for instance in (None, 4, -1):
        with pytest.raises(WeightsError, match=r"4 instances.* from 0 to 3"):
            read_weights(path, instance=instance)
    write(path, {"W": W[:1], "b_final": b[:1]})
    same(read_weights(path), W[0], W[0].T, b[0])
    write(path, {"W": W, "b_final": b[:2]})
    with pytest.raises(WeightsError, match="4 instances"):
        read_weights(path, instance=0)
    with pytest.raises(WeightsError, match="1 instances"):
        read_weights(STORED / "rug_64_16.npz", instance=1)


@pytest.mark.parametrize(
    "named",
    [
        {"W_in": W_IN, "W_out": W_OUT, "b": B},
        {"initial_layer.weight": W_IN, "final_layer.weight": W_OUT, "final_layer.bias": B},
        {"W": W_IN, "b_final": B},
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("features_last", [True, False])
def test_several_instances_in_each_convention_and_orientation(named, features_last, tmp_path):
    """Two instances: the second is what is meant, the first is upside down."""
    two = {name: torch.stack([-array, array]) for name, array in named.items()}
    if not features_last:
        two = {name: array.mT if array.ndim == 3 else array for name, array in two.items()}
    path = write(tmp_path / "w.pt", {f"model.{name}": array for name, array in two.items()})
    same(read_weights(f"{path}#1"), W_out=W_IN.T if "W" in named else W_OUT)


def test_a_training_checkpoint_with_other_things_in_it(tmp_path):
    path = tmp_path / "w.pt"
    torch.save({"step": 7, "model": {"W_in": W_IN, "W_out": W_OUT, "b": B}, "rng": "x"}, path)
    same(read_weights(path))


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"pickle_protocol": 4},
        {"_use_new_zipfile_serialization": False},
        {"_use_new_zipfile_serialization": False, "pickle_protocol": 4},
    ],
)
def test_whatever_torch_saves_of_a_model_and_its_optimizer(how, tmp_path):
    model = torch.nn.ParameterDict({"W_in": W_IN, "W_out": W_OUT.T.contiguous().T, "b": B})
    optimizer = torch.optim.AdamW(model.parameters())
    torch.cat([one.flatten() for one in model.values()]).sum().backward()
    optimizer.step()
    others = {
        "optimizer": optimizer.state_dict(),
        "losses": [torch.tensor(0.5), 0.25],
        "device": torch.device("cpu"),
        "shape": torch.Size([1, 2]),
        "tags": {"a", "b"},
        "rng": torch.get_rng_state(),
    }
    torch.save({"model": model.state_dict(), **others}, tmp_path / "w.pt", **how)
    same(read_weights(tmp_path / "w.pt"), *(model[name].detach() for name in model))
    # A view of the middle of something larger, shared, and a parameter with an attribute.
    whole = torch.arange(100.0).reshape(10, 10)
    marked = torch.nn.Parameter(whole[2:5, 1:8])
    setattr(marked, "mark", "x")  # noqa: B010 - unknown to its type
    torch.save({"all": whole, "W": marked, "b": whole[0, :7]}, tmp_path / "w.pt", **how)
    same(read_weights(tmp_path / "w.pt"), whole[2:5, 1:8], whole[2:5, 1:8].T, whole[0, :7])


def test_other_kinds_of_tensors_are_refused(tmp_path):
    for kind, told in (
        (W_IN.to_sparse(), "sparse tensor"),
        (torch.empty(3, 7, device="meta"), "meta tensor"),
        ((W_IN * 1j).conj().imag, "negated"),
    ):
        torch.save({"W": kind}, tmp_path / "w.pt")
        with pytest.raises(WeightsError, match=told):
            read_weights(tmp_path / "w.pt")


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.int32])
def test_other_precisions(dtype, tmp_path):
    arrays = [(4 * array).to(dtype) for array in (W_IN, W_OUT, B)]
    path = tmp_path / "w.npz"
    write(path, dict(zip(("W_in", "W_out", "b"), arrays, strict=True)))
    same(read_weights(path), *(array.float() for array in arrays))


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float8_e4m3fn])
def test_precisions_that_numpy_lacks(dtype, suffix, tmp_path):
    path = write(tmp_path / f"w{suffix}", {"W": W_IN.to(dtype)})
    W = W_IN.to(dtype).float()
    same(read_weights(path), W, W.T, torch.zeros(7))


def test_other_byte_orders_and_fortran_order(tmp_path):
    path = tmp_path / "w.npz"
    np.savez(path, W=np.asfortranarray(W_IN.numpy().astype(">f8")), b_final=B.numpy())
    same(read_weights(path), W_out=W_IN.T)


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"W_enc": W_IN, "c": B}, "it has W_enc, c"),
        ({"W_in": W_IN, "b": B}, "it has W_in, b"),
        ({"W_in": W_IN, "W_out": W_IN, "b": B}, r"W_in \(3, 7\), W_out \(3, 7\), b \(7,\)"),
        ({"W_in": W_IN, "W_out": W_OUT, "b": B[:5]}, r"do not fit .* b \(5,\)"),
        ({"W": W_IN, "b_final": B[:5]}, r"do not fit .* W \(3, 7\), b \(5,\)"),
        ({"W": W_IN[:, :3]}, "cannot be told"),
        ({"W": W_IN[0]}, "do not fit"),
        ({"W": W_IN[:0]}, "do not fit"),
        ({"W": W_IN, "b_final": B + torch.nan}, "b in .* NaN or infinite"),
        ({"W": W_IN.double() * 1e300}, "W_in in .* NaN or infinite"),
        ({"W": W_IN * 1j}, "real numbers"),
        ({"W": W_IN > 0}, "real numbers"),
        ({"W": W_IN[None, None]}, "do not fit"),
    ],
)
@pytest.mark.parametrize("suffix", [".npz", ".pt"])
def test_arrays_that_cannot_be_weights_are_refused(arrays, told, suffix, tmp_path):
    with pytest.raises(WeightsError, match=told):
        read_weights(write(tmp_path / f"w{suffix}", arrays))


def test_missing_files_are_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"no file .*gone\.npz"):
        read_weights(tmp_path / "gone.npz")
    with pytest.raises(WeightsError, match="is a folder"):
        read_weights(tmp_path)
    (tmp_path / "w.ckpt").write_bytes(b"")
    with pytest.raises(WeightsError, match=r"\.npz, \.pt, \.pth, \.safetensors"):
        read_weights(tmp_path / "w.ckpt")
    (tmp_path / "link.npz").symlink_to("/dev/zero")
    with pytest.raises(WeightsError, match="not a regular file"):
        read_weights(tmp_path / "link.npz")


class Bomb:
    """Unpickled, it leaves a file behind."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return Path.touch, (self.mark,)


def test_nothing_is_unpickled(tmp_path):
    mark = tmp_path / "exploded"
    torch.save({"W": W_IN, "b_final": Bomb(mark)}, tmp_path / "new.pt")
    torch.save({"W": Bomb(mark)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Bomb(mark)))
    np.savez(tmp_path / "w.npz", W=np.array([Bomb(mark)], dtype=object))
    for name, told in (
        ("new.pt", "b_final in .* is an object"),
        ("old.pt", r"if you trust it: import torch; m = torch\.load"),
        ("plain.pt", r"if you trust it: import torch; m = torch\.load"),
        ("w.npz", r"if you trust it: import numpy as np; np\.savez"),
    ):
        with pytest.raises(WeightsError, match=told):
            read_weights(tmp_path / name)
    assert not mark.exists()
    pickle.loads(pickle.dumps(Bomb(mark)))  # noqa: S301 - the bomb does work
    assert mark.exists()


class Rebuilt(torch.nn.Module):
    """A module that only its own code can rebuild from what a pickle says."""

    def __init__(self):
        super().__init__()
        self.W = torch.nn.Parameter(W_IN.clone())

    def __reduce__(self):
        return Rebuilt, ()


def test_the_suggested_conversions_work(tmp_path, monkeypatch):
    """What refusals tell people to type makes a file that is read, typed wherever they are."""
    monkeypatch.chdir(tmp_path)
    listed = np.empty(3, dtype=object)
    listed[:] = [row.tolist() for row in W_IN]
    (tmp_path / "theirs").mkdir()
    np.savez("theirs/listed.npz", W=listed, names=np.array(["a"]))
    torch.save(Rebuilt(), "theirs/module.pt")
    torch.save({"settings": Path("x"), "my net": Rebuilt()}, "theirs/nested.pt")
    torch.save([Path("x"), {0: Rebuilt()}], "theirs/listed.pt")
    torch.save({"W": W_IN.to_sparse()}, "theirs/sparse.pt")
    for name, made in (
        ("listed.npz", "safe.npz"),
        *((name, "safe.pt") for name in ("module.pt", "nested.pt", "sparse.pt")),
    ):
        with pytest.raises(WeightsError) as caught:
            read_weights(f"theirs/{name}")
        exec(str(caught.value).split("trust it: ")[1], {})
        same(read_weights(tmp_path / made), W_out=W_IN.T, b=torch.zeros(7))


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_files_cut_short_anywhere(suffix, tmp_path):
    path = write(tmp_path / f"w{suffix}", {"W_in": W_IN, "W_out": W_OUT, "b": B})
    whole = path.read_bytes()
    for length in np.linspace(0, len(whole) - 1, 40).astype(int):
        path.write_bytes(whole[:length])
        with pytest.raises(WeightsError):
            read_weights(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_altered_bytes_give_weights_or_one_sentence(suffix, tmp_path):
    path = write(tmp_path / f"w{suffix}", {"W_in": W_IN, "W_out": W_OUT, "b": B})
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(100):
        altered = bytearray(whole)
        for place in rng.integers(len(whole), size=rng.integers(1, 4)):
            altered[place] = rng.integers(256)
        path.write_bytes(altered)
        try:
            assert read_weights(path).n_sparse > 0
        except WeightsError:
            refused += 1
    assert refused > 10


def npy(shape, content=b""):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": False, "shape": shape}
    )
    return header.getvalue() + content


def test_headers_that_promise_too_much(tmp_path, monkeypatch):
    path = tmp_path / "w.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("W.npy", npy((2**40, 2**10)))
    with pytest.raises(WeightsError, match="should hold"):
        read_weights(path)
    torch.save({"W": torch.zeros(1).expand(2**30, 2**12)}, tmp_path / "w.pt")
    with pytest.raises(WeightsError, match="GiB"):
        read_weights(tmp_path / "w.pt")
    monkeypatch.setattr(base, "available_memory", lambda: 2**20)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("W.npy", npy((2**10, 2**11), bytes(2**23)))
    assert path.stat().st_size < 2**16
    with pytest.raises(WeightsError, match="GiB"):
        read_weights(path)
