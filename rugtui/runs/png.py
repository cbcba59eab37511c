"""Pictures as PNG files, with what the standard library has."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from jaxtyping import UInt8

SIGNATURE = b"\x89PNG\r\n\x1a\n"
EIGHT_BIT_RGB = (8, 2, 0, 0, 0)


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
