"""The W pane: W = W_out W_in as half-block cells, with the legend of its colours."""

from __future__ import annotations

from rich.style import Style
from textual.message import Message
from textual.strip import Strip

from rugtui.session.frame import Frame, Picture
from rugtui.ui.renderables.heatmap import heatmap, off_diagonal_scale, quantise, stretch
from rugtui.ui.renderables.lines import blank, line
from rugtui.ui.renderables.palette import HALF_LEVELS, Palette, ink
from rugtui.ui.widgets.pane import Pane


class WeightsPane(Pane):
    """Pooled to the pane's own pixels where the weights live; says when their number changes."""

    class Looks(Message):
        """The pane has room for so many pixels of W on each side."""

        def __init__(self, side: int) -> None:
            self.side = side
            super().__init__()

    def on_resize(self) -> None:
        super().on_resize()
        side = min(self.content_size.width, 2 * (self.content_size.height - 1))
        if side > 0:
            self.post_message(self.Looks(side))

    def draw(self, frame: Frame, palette: Palette, width: int, height: int) -> list[Strip]:
        picture, room = frame.picture, height - 1
        if picture is None or room < 1:
            empty = line(
                [(frame.narration or "waiting for weights", palette.style("faint"))], width
            )
            return [empty, *[blank(width)] * (height - 1)]
        window = picture.window
        scale = off_diagonal_scale(
            picture.pixels, window.top, window.left, window.bottom, window.right
        )
        side = min(width, 2 * room)
        levels = stretch(quantise(picture.pixels, scale), side - side % 2, side)
        left = (width - side) // 2
        cells = [_indented(strip, left, width) for strip in heatmap(levels, palette)]
        cells += [blank(width)] * (room - len(cells))
        return [*cells, legend(picture, frame, scale, palette, width)]


def legend(picture: Picture, frame: Frame, scale: float, palette: Palette, width: int) -> Strip:
    """What the colours and the pixels stand for."""
    ramp = [("█", ink(palette.level(level))) for level in range(-HALF_LEVELS, HALF_LEVELS + 1, 2)]
    block = max((picture.window.bottom - picture.window.top) // picture.pixels.shape[0], 1)
    each = "W_ij" if block == 1 else f"mean of {block} × {block}"
    kind = f"rug ({frame.frame_name})" if picture.kind == "rug" else "trained"
    faint = palette.style("faint")
    pieces = [(f"{kind}  ", palette.style("text", bold=True)), (f"−{scale:.2g} ", faint), *ramp]
    return line([*pieces, (f" +{scale:.2g}  {each}", faint)], width)


def _indented(strip: Strip, left: int, width: int) -> Strip:
    return Strip.join([blank(left), strip]).adjust_cell_length(width, Style.null())
