"""Files made to harm: each is refused in a sentence, soon, and with little memory."""

import pickle
import resource
import struct
import sys
import time
import zipfile

import numpy as np
import pytest
import torch

from rugtui.cli import main
from rugtui.models.weight_files.weight_file import read_weights
from tests.models.weight_files.test_weight_file import W_IN, npy, same

KIB, MIB, GIB = 1 << 10, 1 << 20, 1 << 30

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits memory as Linux does")


@pytest.fixture(autouse=True)
def little_memory_and_time():
    """A process may allocate what it has, and a quarter of a gibibyte; a test may take 10 s."""
    before = resource.getrlimit(resource.RLIMIT_DATA)
    with open("/proc/self/status") as file:
        (used,) = (int(line.split()[1]) * KIB for line in file if line.startswith("VmData"))
    resource.setrlimit(resource.RLIMIT_DATA, (used + GIB // 4, before[1]))
    started = time.process_time()
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, before)
    assert time.process_time() - started < 10


def refused(path, told, capsys):
    assert main(["predict", str(path)]) == 2
    out, error = capsys.readouterr()
    (line,) = error.splitlines()
    assert not out
    assert told in line
    assert str(path) in line


def text(content):
    return b"X" + struct.pack("<I", len(content)) + content.encode()


def tuples(count):
    """{(((…), (…)), …): None}: a dictionary would hash 2**count of them."""
    program = b"}" + text("k") + b"\x85"
    for k in range(count):
        program += b"q" + bytes([k]) + b"h" + bytes([k]) + b"\x86"
    return program + b"Ns."


def colliding(count):
    """Whole numbers of one hash: a dictionary would compare each with all others."""
    numbers = (k * (2**61 - 1) for k in range(count))
    return b"}(" + b"".join(b"\x8a\x0b" + k.to_bytes(11, "little") + b"N" for k in numbers) + b"u."


PROGRAMS = {
    "allocates 16 GiB": (
        b"cbuiltins\nbytearray\n\x8a\x05" + (16 * GIB).to_bytes(5, "little") + b"\x85R.",
        "it has none",
    ),
    "keys in keys": (tuples(60), "it has none"),
    "keys of one hash": (colliding(30_000), "it has none"),
    "a million steps": (b"N" * 1_100_000 + b".", "more than 1,000,000 operations"),
    "many names": (
        b"}(" + b"".join(text(f"{k}") + b"}" for k in range(30_000)) + b"u.",
        "more than 20,000 names",
    ),
    "long text": (b"\x8d" + struct.pack("<Q", 1 << 60) + b"x.", "not a whole .pt file"),
    "long line": (b"c" + b"x" * (15 * MIB), "not a whole .pt file"),
    "too large": (b"N" * (17 * MIB), "w/data.pkl in it has 17,825,794 bytes"),
    "fills nothing": (b"NNa.", "not a whole .pt file"),
    "pops nothing": (b"\x85s.", "not a whole .pt file"),
}


@pytest.mark.parametrize(("program", "told"), PROGRAMS.values(), ids=PROGRAMS)
def test_pickles_that_want_all_memory_or_time(program, told, tmp_path, capsys):
    path = tmp_path / "w.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("w/data.pkl", b"\x80\x02" + program)
    refused(path, told, capsys)
    if len(program) > MIB:
        return  # once is enough
    # The same in the older format, where the pickle is one of five.
    begin = b"".join(pickle.dumps(one, 2) for one in (0x1950A86A20F9469CFC6C, 1001, {}))
    path.write_bytes(begin + b"\x80\x02" + program + b"].")
    refused(path, told, capsys)


def test_nested_dictionaries_are_read_once(tmp_path, capsys):
    content = inner = {"W": W_IN}
    for k in range(150):
        content = {"a": content, "b": content}
        inner = content if k == 50 else inner
    torch.save(content, tmp_path / "deep.pt")
    refused(tmp_path / "deep.pt", "it has none", capsys)
    torch.save(inner, tmp_path / "w.pt")
    same(read_weights(tmp_path / "w.pt"), W_out=W_IN.T, b=torch.zeros(7))


@pytest.mark.parametrize(
    ("shape", "stride", "offset"),
    [((3, 7), (7, 1), 1), ((3, 8), (7, 1), 0), ((3, 7), (-7, 1), 20), ((2**62, 2), (0, 0), 0)],
)
def test_tensors_that_reach_beyond_their_numbers(shape, stride, offset, tmp_path, capsys):
    path = tmp_path / "w.pt"
    torch.save({"W": W_IN}, path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}

    def number(value):
        return b"\x8a\x08" + value.to_bytes(8, "little", signed=True)

    def pair(values):
        return b"".join(number(value) for value in values) + b"\x86"

    program = (
        b"\x80\x02}" + text("W") + b"ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage")
        + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + number(21) + b"tQ"
        + number(offset) + pair(shape) + pair(stride) + b"\x89}tRs."
    )  # fmt: skip
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, program if name.endswith("data.pkl") else content)
    refused(path, "not a whole .pt file: ", capsys)


def packed(path, head, mebibytes, size=None, how=zipfile.ZIP_DEFLATED):
    """An archive of one array, of zeros behind its head; its directory may say any size."""
    with zipfile.ZipFile(path, "w", how, compresslevel=1) as archive:
        with archive.open("W.npy", "w") as file:
            file.write(head)
            for _ in range(mebibytes):
                file.write(bytes(MIB))
        if size is not None:
            archive.getinfo("W.npy").file_size = size


def test_archives_that_grow_are_refused_before_they_do(tmp_path, capsys):
    path, header, few = tmp_path / "w.npz", npy((2**14, 2**14)), npy((3, 7))
    packed(path, header, 70, len(header) + GIB)
    refused(path, "bytes, and weights do not; if you trust it: np.savez(", capsys)
    packed(path, few, 300, len(few) + 84)  # what is read ends where they said
    refused(path, "not a whole .npz file", capsys)
    packed(path, b"\x93NUMPY\2\0" + b"\xff" * 4, 50)  # a header of 4 GiB
    refused(path, "not a whole .npz file", capsys)
    # zipfile unpacks what is packed like this at once, whatever it is asked for
    packed(path, npy((2**11, 2**12)), 32, how=zipfile.ZIP_BZIP2)
    refused(path, "packed in a way", capsys)


def test_zeros_that_are_weights_are_read(tmp_path):
    np.savez_compressed(tmp_path / "w.npz", W=np.zeros((100, 1000), np.float32))
    assert read_weights(tmp_path / "w.npz").n_sparse == 1000


@pytest.mark.parametrize("suffix", [".npz", ".pt", ".safetensors"])
@pytest.mark.parametrize("kind", ["zeros", "directory", "header", "line"])
def test_a_gibibyte_of_nothing(suffix, kind, tmp_path, capsys):
    path = tmp_path / f"w{suffix}"
    with path.open("wb") as file:
        file.truncate(GIB)
        if kind == "header":
            file.write(struct.pack("<Q", GIB - 8) + b'{"')
        elif kind == "line":
            file.write(b"\x80\x02c")
        elif kind == "directory":  # of 23 million arrays
            size = GIB - 22
            file.seek(size)
            file.write(b"PK\5\6" + struct.pack("<4H2LH", 0, 0, 65535, 65535, size, 0, 0))
    refused(path, "not a whole", capsys)
