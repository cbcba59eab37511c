"""The loss pane: live curves over the levels of theory."""

from __future__ import annotations

from textual.strip import Strip

from rugtui.session.frame import Frame
from rugtui.ui.keys import bindings
from rugtui.ui.renderables.chart import Level, View, loss_chart
from rugtui.ui.renderables.palette import Palette
from rugtui.ui.widgets.pane import Pane


class LossPane(Pane):
    """Training, smoothed and held-out loss, with L*, exact(W), linear and elementwise."""

    BINDINGS = bindings("loss")
    view = View()

    def action_scales(self) -> None:
        """Go to the next pair of scales and say which it is."""
        self.view = self.view.next()
        self.redraw()
        name = {True: "log", False: "linear"}
        self.notify(f"steps {name[self.view.log_x]}, loss {name[self.view.log_y]}", timeout=2)

    def draw(self, frame: Frame, palette: Palette, width: int, height: int) -> list[Strip]:
        return loss_chart(frame.history, levels(frame, palette), self.view, palette, width, height)


def levels(frame: Frame, palette: Palette) -> list[Level]:
    """The horizontal lines, most important first."""
    known = frame.levels
    if known is None:
        return []
    lines = [Level("L*", known.loss, palette.optimum), Level("linear", known.linear, palette.bound)]
    if frame.trained.statistics is not None:
        lines.append(Level("exact(W)", frame.trained.statistics.exact, palette.exact))
    if frame.shown == "rug" and frame.rug is not None:
        lines.append(Level("rug", frame.rug.loss, palette.gaussian))
    lines.append(Level("elementwise", known.elementwise, palette.faint))
    return lines
