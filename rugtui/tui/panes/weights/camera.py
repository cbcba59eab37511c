"""What the W pane shows: a window of W, the cells per pixel, and a cursor.

The whole view shows all of W and fills the pane. Any other view has 2^k cells per side of a pixel
(k < 0: 2^−k pixels per cell) and begins at a multiple of that, so that blocks keep their cells
while the view moves, and agree with the blocks of a rug's fractal.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass

from rugtui.models.base import Window

FINEST = -3
"""The closest view: 8 pixels per cell."""
LARGE = 1 << 13
LONGEST = 2
"""Greatest aspect ratio of the whole view."""


@dataclass(frozen=True, slots=True)
class PixelView:
    """A window of W in `height` × `width` pixels, drawn on `tall` × `wide` pixels of the screen."""

    window: Window
    height: int
    width: int
    tall: int
    wide: int


@dataclass(frozen=True, slots=True)
class Camera:
    """The picture has at most `height` × `width` pixels, which are `tall` times as high as wide.
    `power` is k above, None for all of W."""

    n_sparse: int
    height: int
    width: int
    tall: int = 1
    power: int | None = None
    top: int = 0
    left: int = 0
    cursor: tuple[int, int] | None = None

    def view(self) -> PixelView:
        n = self.n_sparse
        if self.power is None:
            return PixelView(Window.whole(n), *self._whole_pixels(), *self._whole_drawn())
        (top, bottom, height), (left, right, width) = self._span(0), self._span(1)
        factor = enlargement(self.height, self.width, height, width) if self.power < 1 else 1
        drawn = height * factor, width * factor
        return PixelView(Window(top, left, bottom, right), height, width, *drawn)

    def fitted(self, n_sparse: int, height: int, width: int, tall: int) -> Camera:
        """The same view, as far as possible, for another size of the picture or of W."""
        if n_sparse != self.n_sparse:
            return Camera(n_sparse, height, width, tall)
        resized = dataclasses.replace(self, height=height, width=width, tall=tall)
        return resized._at(resized.power, resized.top, resized.left)._following()

    def whole(self) -> Camera:
        return self._at(None, 0, 0)

    def one_to_one(self) -> Camera:
        """One cell per pixel, around the cursor."""
        return self._zoomed_to(0)

    def zoomed(self, steps: int) -> Camera:
        """Zoomed in (steps > 0) or out by powers of two, between FINEST and all of W; the cursor
        keeps its pixel."""
        camera = self
        for _ in range(abs(steps)):
            size = camera.cells_per_pixel
            if steps > 0:
                camera = camera._zoomed_to(max(math.ceil(math.log2(size)) - 1, FINEST))
            elif camera.power is not None:
                camera = camera._zoomed_to(math.floor(math.log2(size)) + 1)
        return camera

    def panned(self, down: int, right: int) -> Camera:
        """The window moved by quarters of its size, together with the cursor."""
        if self.power is None:
            return self
        window = self.view().window
        rows, columns = window.bottom - window.top, window.right - window.left
        step_i, step_j = down * max(rows // 4, 1), right * max(columns // 4, 1)
        moved = self._at(self.power, self.top + step_i, self.left + step_j)
        if self.cursor is None:
            return moved
        row, column = self.cursor
        i, j = row + moved.top - self.top, column + moved.left - self.left
        return dataclasses.replace(moved, cursor=(i, j))

    def moved(self, down: int, right: int) -> Camera:
        """With the cursor moved by pixels, or by cells if those are larger; the window follows it.
        The first move puts the cursor in the middle of the window."""
        if self.cursor is None:
            return dataclasses.replace(self, cursor=self.centre)
        view = self.view()
        row, column = self.cursor
        window = view.window
        i = _step(row, down, window.top, window.bottom, view.height, self.n_sparse)
        j = _step(column, right, window.left, window.right, view.width, self.n_sparse)
        return dataclasses.replace(self, cursor=(i, j))._following()

    def pointed(self, y: int, x: int) -> Camera:
        """The cursor at a pixel of the picture as drawn."""
        view = self.view()
        k, m = y * view.height // view.tall, x * view.width // view.wide
        if not (0 <= k < view.height and 0 <= m < view.width):
            return self
        window = view.window
        i = window.top + k * (window.bottom - window.top) // view.height
        j = window.left + m * (window.right - window.left) // view.width
        return dataclasses.replace(self, cursor=(i, j))

    def without_cursor(self) -> Camera:
        return dataclasses.replace(self, cursor=None)

    @property
    def centre(self) -> tuple[int, int]:
        window = self.view().window
        return (window.top + window.bottom) // 2, (window.left + window.right) // 2

    @property
    def cells_per_pixel(self) -> float:
        """Per side; below 1 if a cell has several pixels."""
        if self.power is not None:
            return 2.0**self.power
        return self.n_sparse / min(self._whole_drawn())

    def _whole_drawn(self) -> tuple[int, int]:
        return whole_drawn(self.height, self.width, self.tall)

    def _whole_pixels(self) -> tuple[int, int]:
        """As many as are drawn, but no more than W has cells. Powers of two if n_sparse is a large
        power of two, because pooling a rug is cheaper then."""
        n, (tall, wide) = self.n_sparse, self._whole_drawn()
        if n & (n - 1) == 0 and n >= LARGE:
            tall, wide = (1 << (side.bit_length() - 1) for side in (tall, wide))
        return min(n, tall), min(n, wide)

    def _span(self, axis: int) -> tuple[int, int, int]:
        """First cell, end, and number of pixels of one axis, unless all of W is shown."""
        assert self.power is not None
        room = (self.height, self.width)[axis]
        step, factor = 1 << max(self.power, 0), 1 << max(-self.power, 0)
        seen = min(max(room // factor, 1) * step, self.n_sparse)
        first = (self.top, self.left)[axis]
        return first, first + seen, max(seen // step, 1)

    def _zoomed_to(self, power: int) -> Camera:
        """Another power of two; the cursor (or the middle) keeps its pixel."""
        row, column = self.cursor or self.centre
        before = self.view()
        k, m = pixel_of(before, row, column) or (0, 0)
        y, x = k * before.tall // before.height, m * before.wide // before.width
        farthest = dataclasses.replace(self, power=None).cells_per_pixel
        if 2.0**power >= farthest:
            return self.whole()
        step, factor = 1 << max(power, 0), 1 << max(-power, 0)
        return self._at(power, row - y // factor * step, column - x // factor * step)._following()

    def _at(self, power: int | None, top: int, left: int) -> Camera:
        """The same camera moved to the nearest block inside W."""
        if power is None:
            return dataclasses.replace(self, power=None, top=0, left=0)
        moved = dataclasses.replace(self, power=power, top=0, left=0)
        rows, columns = moved._span(0)[1], moved._span(1)[1]
        step = 1 << max(power, 0)
        return dataclasses.replace(
            moved,
            top=_snapped(top, step, self.n_sparse - rows),
            left=_snapped(left, step, self.n_sparse - columns),
        )

    def _following(self) -> Camera:
        """The window moved just far enough to show the cursor."""
        if self.cursor is None or self.power is None:
            return self
        row, column = self.cursor
        window = self.view().window
        step = 1 << max(self.power, 0)
        top = min(max(self.top, row - row % step + step - (window.bottom - window.top)), row)
        left = min(
            max(self.left, column - column % step + step - (window.right - window.left)), column
        )
        return self._at(self.power, top, left)


def enlargement(room_height: int, room_width: int, height: int, width: int) -> int:
    """How many times each pixel of a picture can be repeated in both directions."""
    return max(min(room_height // height, room_width // width), 1)


def whole_drawn(height: int, width: int, tall: int) -> tuple[int, int]:
    """The pixels on which all of W is drawn: all there are, up to the aspect ratio LONGEST."""
    high = min(height, LONGEST * max(width // tall, 1))
    return max(high, 1), max(min(width, LONGEST * high * tall), 1)


def pixel_of(view: PixelView, row: int, column: int) -> tuple[int, int] | None:
    """The pixel that shows a cell; None if it is outside the window."""
    window = view.window
    if not (window.top <= row < window.bottom and window.left <= column < window.right):
        return None
    y = _pixel(row, window.top, window.bottom, view.height)
    return y, _pixel(column, window.left, window.right, view.width)


def _pixel(place: int, first: int, last: int, pixels: int) -> int:
    """The pixel that shows a cell: blocks begin at floor(k n / m)."""
    return ((place - first + 1) * pixels - 1) // (last - first)


def _step(place: int, steps: int, first: int, last: int, pixels: int, n: int) -> int:
    """The first cell of the pixel `steps` pixels further on."""
    if not steps:
        return place
    k = _pixel(place, first, last, pixels) + steps
    return min(max(first + k * (last - first) // pixels, 0), n - 1)


def _snapped(first: int, step: int, most: int) -> int:
    return min(max(first // step * step, 0), most)
