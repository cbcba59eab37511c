import struct
import zlib

import numpy as np

from rugtui.storage.png import png_bytes


def chunks(file):
    """(name, content) of each chunk, checksums checked."""
    assert file[:8] == b"\x89PNG\r\n\x1a\n"
    at = 8
    while at < len(file):
        (length,) = struct.unpack_from(">I", file, at)
        name, content = file[at + 4 : at + 8], file[at + 8 : at + 8 + length]
        (check,) = struct.unpack_from(">I", file, at + 8 + length)
        assert check == zlib.crc32(name + content)
        yield name, content
        at += 12 + length


def test_a_picture_comes_back():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    found = dict(chunks(png_bytes(pixels)))
    assert list(found) == [b"IHDR", b"IDAT", b"IEND"]
    assert struct.unpack(">IIBBBBB", found[b"IHDR"]) == (7, 5, 8, 2, 0, 0, 0)
    lines = np.frombuffer(zlib.decompress(found[b"IDAT"]), np.uint8).reshape(5, 22)
    assert not lines[:, 0].any()  # no filter
    np.testing.assert_array_equal(lines[:, 1:].reshape(5, 7, 3), pixels)
