"""The W pane: W = W_out W_in of trained weights and rugs, seen through a camera."""

from __future__ import annotations

from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.timer import Timer

from rugtui.live.commands import Look, Order
from rugtui.live.frame import Frame, Picture
from rugtui.tui.charts.lines import blank, only_text, placeholder
from rugtui.tui.charts.palette import Palette
from rugtui.tui.heatmap.shading import SCALINGS
from rugtui.tui.keys import bindings
from rugtui.tui.panes.pane import IN_BORDER, Pane
from rugtui.tui.panes.weights.camera import Camera, PixelView
from rugtui.tui.panes.weights.legend import readout
from rugtui.tui.panes.weights.picture import PictureLayout, Shades, weights_picture
from rugtui.tui.terminal.terminal_app import TerminalApp

WIDE = 1000
"""Columns that every reading fits in."""
CLEARED_EVERY = 0.1
"""Seconds between two checks whether the empty pane was sent."""
ORDERS: tuple[Order, ...] = ("natural", "sequency", "clustered", "partners")


class WeightsPane(Pane):
    """Requests pictures from the worker, which pools W to the pane's pixels."""

    BINDINGS = bindings("weights")

    class PictureWanted(Message):
        """Requests this view of W."""

        def __init__(self, look: Look) -> None:
            self.look = look
            super().__init__()

    class NextRugWanted(Message):
        """Requests the next construction of the rug."""

    def __init__(self, title: str, *, id: str) -> None:
        super().__init__(title, id=id)
        self.camera = Camera(1, 1, 1)
        self.order: Order = "natural"
        self.beside = False
        self.shades = Shades()
        self._looked: Look | None = None
        self._hovered: tuple[int, int] | None = None
        """The cell under the mouse."""
        self._subject: tuple[object, ...] | None = None
        """What the last picture showed."""
        self._clearing: Timer | None = None
        """Runs while a slow link sends the empty pane that comes before another picture."""

    def watch_frame(self, old: Frame | None, new: Frame | None) -> None:
        self._look()
        super().watch_frame(old, new)

    def on_resize(self) -> None:
        self._look()
        super().on_resize()

    def draw(self, frame: Frame, palette: Palette, width: int, height: int) -> list[Strip]:
        picture = frame.picture
        if picture is None or height < 2:
            text = placeholder(frame, frame.narration or "Waiting for weights …")
            return only_text(text, palette, width, height)
        self.entitle(below=subtitle(frame, picture, self.camera.view(), width - IN_BORDER))
        if self._comes_slowly(picture):
            note = only_text("Sending another picture …", palette, width, 1)
            return [*[blank(width)] * (height - 1), *note]  # where text comes before pictures
        return weights_picture(picture, self.cursor, self.shades, palette, width, height)

    def _comes_slowly(self, picture: Picture) -> bool:
        """Whether to show an empty pane before this picture, or while one for this size is awaited:
        on a slow link the rows of a picture take seconds to arrive, among those of the last one."""
        if not (isinstance(self.app, TerminalApp) and self.app.link.careful):
            return False
        before, self._subject = self._subject, picture.subject
        if before is not None and before != picture.subject and self._clearing is None:
            self._clearing = self.set_interval(CLEARED_EVERY, self._draw_once_cleared)
        view = self.camera.view()
        wanted = [(view.height, view.width)] * (1 + self.beside)
        fits = [panel.pixels.shape for panel in picture.panels] == wanted
        return self._clearing is not None or not fits

    def _draw_once_cleared(self) -> None:
        if self._clearing and isinstance(self.app, TerminalApp) and not self.app.terminal.dirty:
            self._clearing.stop()
            self._clearing = None
            self.redraw()

    @property
    def cursor(self) -> tuple[int, int] | None:
        """The cell to read out: that under the mouse, else that of the cursor."""
        return self._hovered or self.camera.cursor

    def reading(self) -> str:
        """The readout of the cell, once the worker has sent it."""
        picture, cursor = self.frame and self.frame.picture, self.cursor
        if picture is None or cursor is None:
            return ""
        places = [panel.cell.place for panel in picture.panels if panel.cell is not None]
        return (
            readout(picture, cursor, self.palette, WIDE)[0].text.strip() if cursor in places else ""
        )

    def action_cursor(self, down: int, right: int) -> None:
        self._go(self.camera.moved(down, right))

    def action_pan(self, down: int, right: int) -> None:
        self._go(self.camera.panned(down, right))

    def action_closer(self, steps: int) -> None:
        self._go(self.camera.zoomed(steps))

    def action_whole(self) -> None:
        self._go(self.camera.whole())

    def action_cells(self) -> None:
        self._go(self.camera.one_to_one())

    def action_no_cursor(self) -> None:
        """Hide the cursor; without one, return to the live run."""
        if self.camera.cursor is None:
            self.post_message(self.LiveWanted())
        self._go(self.camera.without_cursor())

    def on_click(self, event: events.Click) -> None:
        """A click moves the cursor."""
        at = event.get_content_offset(self)
        if at is not None:
            self._hovered = None
            self._go(self._pointed(at.y, at.x))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Read out the cell under the mouse."""
        at = event.get_content_offset(self)
        camera = self.camera.without_cursor()
        pointed = camera if at is None else self._pointed(at.y, at.x, camera)
        self._hover(pointed.cursor)

    def on_leave(self) -> None:
        self._hover(None)

    def _hover(self, cell: tuple[int, int] | None) -> None:
        if cell != self._hovered:
            self._hovered = cell
            self._look(patient=True)
            self.redraw()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_closer(1)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_closer(-1)

    def _pointed(self, y: int, x: int, camera: Camera | None = None) -> Camera:
        """The camera with its cursor under the mouse, if that is in the picture."""
        camera = camera or self.camera
        room, view = self._room, camera.view()
        for place in range(room.panels):
            left, top = room.left(place, view.wide), room.top(place)
            if left <= x < left + view.wide and top <= y < top + room.strips:
                return camera.pointed((y - top) * room.pixel_rows_per_line, x - left)
        return camera

    def action_order(self) -> None:
        self.order = ORDERS[(ORDERS.index(self.order) + 1) % len(ORDERS)]
        self._look()

    def action_scaling(self) -> None:
        """Switch to the next colour scale, which the legend names."""
        following = SCALINGS[(SCALINGS.index(self.shades.scaling) + 1) % len(SCALINGS)]
        self.shades.scaling = following
        self.redraw()

    def action_compare(self) -> None:
        self.beside = not self.beside
        self._look()

    def action_next_construction(self) -> None:
        self.post_message(self.NextRugWanted())

    def _go(self, camera: Camera) -> None:
        self.camera = camera
        self._look()
        self.redraw()

    @property
    def _room(self) -> PictureLayout:
        width, height = self.content_size
        return PictureLayout.of(width, height, 1 + self.beside, self.palette)

    def _look(self, *, patient: bool = False) -> None:
        """Fit the camera to the pane, and request its view if that has changed; `patient`: not
        before the last request was answered."""
        width, height = self.content_size
        if self.frame is None or width < 1 or height < 2:
            return
        room = self._room
        tall, wide = room.pixels
        n_sparse = self.frame.settings.n_sparse
        self.camera = self.camera.fitted(n_sparse, max(tall, 1), max(wide, 1), room.tall)
        view = self.camera.view()
        window = None if self.camera.power is None else view.window
        look = Look(view.height, view.width, window, self.order, self.beside, self.cursor)
        if look != self._looked and not (patient and self._is_waiting):
            self._looked = look
            self.post_message(self.PictureWanted(look))

    @property
    def _is_waiting(self) -> bool:
        """Whether the cell of the last request is still to come."""
        asked, picture = self._looked, self.frame and self.frame.picture
        if asked is None or asked.cursor is None or picture is None:
            return False
        return all(panel.cell and panel.cell.place != asked.cursor for panel in picture.panels)


def subtitle(frame: Frame, picture: Picture, view: PixelView, width: int) -> str:
    """Whose weights these are, in which order, cells per pixel, and the window, as far as they
    fit."""
    names = {"trained": "trained", "rug": f"rug ({frame.construction})"}
    orders = dict.fromkeys(panel.order for panel in picture.panels)
    window, (height, wide) = picture.window, picture.panels[0].pixels.shape
    rows, columns = window.bottom - window.top, window.right - window.left
    down, across = max(round(rows / height), 1), max(round(columns / wide), 1)
    exact = rows % height == columns % wide == 0
    scale = f"{'' if exact else '≈ '}{down:,} × {across:,} cells per pixel"
    if down == across == 1:
        larger = max(view.tall // height, 1), max(view.wide // wide, 1)
        same = larger == (1, 1)
        scale = "one cell per pixel" if same else f"{larger[0]} × {larger[1]} pixels per cell"
    facts = [
        " | ".join(names[panel.kind] for panel in picture.panels),
        "" if list(orders) == ["natural"] else " | ".join(orders),
        scale,
        ""
        if rows == columns == picture.n_sparse
        else f"{window.top:,}–{window.bottom - 1:,} × {window.left:,}–{window.right - 1:,}",
    ]
    parts = [fact for fact in facts if fact]
    while len(parts) > 1 and len(" · ".join(parts)) > width:
        parts.pop()
    return " · ".join(parts)
