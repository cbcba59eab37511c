"""A run as an animated GIF: W at one kept step after another, over its loss curve with a marker."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8

from rugtui.models.base import Weights, Window
from rugtui.storage.heatmap import Colours
from rugtui.tui.charts.palette import HALF_LEVELS
from rugtui.tui.heatmap.shading import Scale, marked, off_diagonal_scale, settled

if TYPE_CHECKING:
    from PIL.Image import Image

SIDES = (256, 128, 64)
"""Cells per side of the picture of W: the first that gives a file of at most MOST bytes is used."""
MOST = 2 << 20
SIDE, CURVE, LINE, EDGE = 512, 120, 22, 8
"""Pixels: sides of W, height of the curve, height of a line of text, and the margin."""
SECONDS, LAST_SECONDS = 10.0, 2.0
"""Duration of all frames, and of the last one after that."""
FAINT, MARKER = 0.35, 3
"""Share of ink in the curve that is still to come, and radius of the marker."""


@dataclass(frozen=True, slots=True)
class Curve:
    """The loss curve that is drawn under W."""

    steps: Float[np.ndarray, " results"]
    losses: Float[np.ndarray, " results"]
    optimum: float | None
    """L*, if the loss is comparable with it."""

    def at(self, step: int) -> float:
        """The loss at the nearest result; NaN where there is none."""
        if not self.steps.size:
            return np.nan
        return float(self.losses[np.abs(self.steps - step).argmin()])


def replay_gif(
    steps: Sequence[int], read: Callable[[int], Weights], curve: Curve, colours: Colours
) -> bytes:
    """The GIF file with one image per step, of the weights that `read` returns for it."""
    content = b""
    for side in SIDES:
        file, frames = io.BytesIO(), _frames(steps, read, curve, colours, side)
        each = round(1000 * SECONDS / len(frames))
        times = [each] * (len(frames) - 1) + [round(1000 * LAST_SECONDS)]
        first, *rest = frames
        first.save(file, "GIF", save_all=True, append_images=rest, duration=times, loop=0)
        content = file.getvalue()
        if len(content) <= MOST:
            break
    return content


def _frames(
    steps: Sequence[int],
    read: Callable[[int], Weights],
    curve: Curve,
    colours: Colours,
    side: int,
) -> list[Image]:
    """In the colours of the W pane and one scale for all, so that noise is seen to fade: they end
    where the quantile of the noisiest step does."""
    pictures = []
    for step in steps:
        weights = read(step)
        cells = min(side, weights.n_sparse)
        pictures.append(weights.pooled(Window.whole(weights.n_sparse), cells, cells))
    window = Window.whole(len(pictures[0]))
    scale = Scale("fixed", max(off_diagonal_scale([one], window) for one in pictures))
    frames, levels = [], None
    for step, pixels in zip(steps, pictures, strict=True):
        levels = settled(scale.steps(pixels), levels)
        drawn = (marked(levels, pixels, scale, window) + HALF_LEVELS).astype(np.uint8)
        frames.append(_frame(drawn, step, curve, colours))
    return frames


def _frame(drawn: UInt8[np.ndarray, "h w"], step: int, curve: Curve, colours: Colours) -> Image:
    from PIL import Image, ImageDraw, ImageFont

    paper, ink = len(colours.ramp) + 1, len(colours.ramp) + 2
    faint, optimum = ink + 1, len(colours.ramp) - 1
    width, height = SIDE + 2 * EDGE, SIDE + CURVE + LINE + 3 * EDGE
    image = Image.new("P", (width, height), paper)
    mixed = [round(p + FAINT * (i - p)) for p, i in zip(colours.paper, colours.ink, strict=True)]
    image.putpalette(np.array([*colours.all, mixed], np.uint8).tobytes())
    picture = Image.fromarray(drawn).resize((SIDE, SIDE), Image.Resampling.NEAREST)
    image.paste(picture, (EDGE, LINE + EDGE))
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=14)
    loss = curve.at(step)
    text = f"step {step:,}" + ("" if np.isnan(loss) else f"   loss {loss:.6f}")
    if curve.optimum and not np.isnan(loss):
        text += f" = {loss / curve.optimum:.2f} L*"
    draw.text((EDGE, EDGE), text, fill=ink, font=font)
    top = LINE + SIDE + 2 * EDGE
    known = np.isfinite(curve.losses) & (curve.losses > 0) & (curve.steps > 0)
    if known.sum() < 2:
        return image
    x, y = np.log(curve.steps[known]), np.log(curve.losses[known])
    level = np.log(curve.optimum) if curve.optimum else y.min()
    low, high = min(y.min(), level), max(y.max(), level)

    def across(value: float | np.ndarray) -> np.ndarray:
        share = (np.asarray(value) - x[0]) / max(x[-1] - x[0], 1e-9)
        return EDGE + np.clip(share, 0.0, 1.0) * (SIDE - 1)

    def down(value: float | np.ndarray) -> np.ndarray:
        return top + (high - np.asarray(value)) / max(high - low, 1e-9) * (CURVE - 2 * MARKER)

    points = list(zip(across(x).tolist(), down(y).tolist(), strict=True))
    here = float(across(np.log(max(step, 1))))
    if curve.optimum:
        height = float(down(level))
        draw.line((EDGE, height, EDGE + SIDE - 1, height), fill=optimum)
        draw.text((EDGE + SIDE - 18, height - 16), "L*", fill=optimum, font=font)
    draw.line(points, fill=faint, width=2)
    draw.line([one for one in points if one[0] <= here] or points[:1], fill=ink, width=2)
    place = float(np.interp(here, across(x), down(y)))
    box = (here - MARKER, place - MARKER, here + MARKER, place + MARKER)
    draw.ellipse(box, fill=optimum)
    return image
