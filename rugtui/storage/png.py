"""Pictures as PNG files, with what the standard library has."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import UInt8

SIGNATURE = b"\x89PNG\r\n\x1a\n"
EIGHT_BIT_RGB = (8, 2, 0, 0, 0)
EIGHT_BIT_INDEXED = (8, 3, 0, 0, 0)


def png_bytes(pixels: UInt8[np.ndarray, "height width rgb"]) -> bytes:
    """The file of an RGB picture (PNG specification: IHDR, one IDAT, IEND)."""
    height, width, _ = pixels.shape
    unfiltered = np.zeros((height, 1), np.uint8)
    lines = np.hstack([unfiltered, pixels.reshape(height, -1)])
    header = struct.pack(">IIBBBBB", width, height, *EIGHT_BIT_RGB)
    body = zlib.compress(lines.tobytes(), 6)
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(name: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + name
        + content
        + struct.pack(">I", zlib.crc32(name + content))
    )


def indexed_png(
    bands: Iterable[UInt8[np.ndarray, "height width"]],
    size: tuple[int, int],
    colours: Sequence[tuple[int, int, int]],
    text: str = "",
) -> bytes:
    """The file of a picture of at most 256 colours, whose rows come in bands.

    `size` is (height, width); `text` is kept in the file (iTXt, "Description").
    """
    press, body = zlib.compressobj(6), []
    for band in bands:
        lines = np.hstack([np.zeros((len(band), 1), np.uint8), band])
        body.append(press.compress(lines.tobytes()))
    body.append(press.flush())
    height, width = size
    header = struct.pack(">IIBBBBB", width, height, *EIGHT_BIT_INDEXED)
    description = b"Description\0\0\0\0\0" + text.encode()
    return b"".join(
        [
            SIGNATURE,
            _chunk(b"IHDR", header),
            _chunk(b"iTXt", description),
            _chunk(b"PLTE", bytes(np.array(colours, np.uint8))),
            _chunk(b"IDAT", b"".join(body)),
            _chunk(b"IEND", b""),
        ]
    )
