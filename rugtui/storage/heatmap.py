"""W as a PNG with a legend below it, at least one pixel per cell.

Rows are computed and coloured in bands: the picture is in memory as a whole, but W never is.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8

from rugtui.errors import WeightsError
from rugtui.models.base import Weights

if TYPE_CHECKING:
    from PIL.Image import Image

RGB = tuple[int, int, int]
QUANTILE = 0.99
"""The quantile of |W_ij| off the diagonal where the colour scale ends; the diagonal saturates."""
SIDE_LEAST, SIDE_MOST = 512, 16_384
"""Pixels per side: a smaller W is enlarged by an integer factor, a larger one is refused."""
BAND = 1 << 22
"""Entries of W computed at a time."""
SAMPLE = 512
"""Rows that determine the scale, at most."""


@dataclass(frozen=True, slots=True)
class Colours:
    """`ramp` goes from the negative end over zero to the positive one."""

    ramp: Sequence[RGB]
    diagonal: RGB
    """For diagonal entries beyond the ramp."""
    paper: RGB
    ink: RGB

    @property
    def all(self) -> list[RGB]:
        return [*self.ramp, self.diagonal, self.paper, self.ink]


def heatmap_png(weights: Weights, colours: Colours, title: str, facts: str = "") -> bytes:
    """The PNG file, with `facts` as its description. Raises WeightsError if W is too large."""
    from PIL import Image

    n = weights.n_sparse
    if n > SIDE_MOST:
        raise WeightsError(
            f"A picture has at most {SIDE_MOST:,} pixels on a side, but W has {n:,} rows."
        )
    factor = max(1, -(-SIDE_LEAST // n))
    size = max(1, n * factor // 512)  # of the legend
    side, paper = n * factor, len(colours.ramp) + 1
    pixels = np.full((side + 16 * size, side), paper, np.uint8)
    scale = off_diagonal_scale(weights)
    for top in range(0, n, band := max(1, BAND // n)):
        levels = _levels(weights, np.arange(top, min(n, top + band)), scale, len(colours.ramp))
        end = top + len(levels)
        pixels[top * factor : end * factor] = levels.repeat(factor, 0).repeat(factor, 1)
    image = Image.fromarray(pixels)
    image.putpalette(np.array(colours.all, np.uint8).tobytes())
    _draw_legend(image, side, scale, size, len(colours.ramp), title)
    return png_bytes(image, facts)


def png_bytes(image: Image, facts: str = "") -> bytes:
    """A picture as a PNG file with a description."""
    from PIL.PngImagePlugin import PngInfo

    known, file = PngInfo(), io.BytesIO()
    if facts:
        known.add_itxt("Description", facts)
    image.save(file, "PNG", pnginfo=known)
    return file.getvalue()


def off_diagonal_scale(weights: Weights) -> float:
    """QUANTILE of |W_ij| off the diagonal, from up to SAMPLE rows spread evenly over W."""
    n = weights.n_sparse
    index = np.unique(np.linspace(0, n - 1, min(n, SAMPLE)).astype(np.int64))
    sizes = np.abs(weights.rows(index))
    sizes[np.arange(len(index)), index] = np.nan
    return scale_of(sizes) or 1.0


def scale_of(values: Float[np.ndarray, "*any"]) -> float:
    """QUANTILE of the finite |values|; 0 if there are none."""
    sizes = np.abs(values[np.isfinite(values)])
    return float(np.quantile(sizes, QUANTILE)) if sizes.size else 0.0


def _draw_legend(image: Image, top: int, scale: float, size: int, count: int, title: str) -> None:
    """The ramp with its two ends in numbers, the diagonal's colour, and the title."""
    from PIL import ImageDraw, ImageFont

    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=10 * size)
    diagonal, ink, step = count, count + 2, 6 * size
    left, middle = 2 * size, top + 8 * size

    def write(text: str) -> None:
        nonlocal left
        draw.text((left, middle), text, fill=ink, font=font, anchor="lm")
        left += round(draw.textlength(text, font=font)) + 2 * size

    def box(colour: int) -> None:
        nonlocal left
        draw.rectangle((left, middle - 4 * size, left + step - 1, middle + 4 * size), fill=colour)
        left += step

    write(f"{-scale:.2g}")
    for level in range(count):
        box(level)
    left += 2 * size
    write(f"{scale:+.2g}  ")
    box(diagonal)
    left += 2 * size
    write(f"diagonal beyond  {title}")


def _levels(
    weights: Weights, index: np.ndarray, scale: float, count: int
) -> UInt8[np.ndarray, "k n"]:
    """The colour index of each entry of these rows; NaN counts as 0."""
    rows: Float[np.ndarray, "k n"] = weights.rows(index)
    share = np.nan_to_num(rows, nan=0.0, posinf=np.inf, neginf=-np.inf) / scale
    half = count // 2
    levels = (np.rint(np.clip(share, -1, 1) * half) + half).astype(np.uint8)
    own = np.arange(len(index)), index
    levels[own] = np.where(rows[own] > scale, count, levels[own])
    return levels
