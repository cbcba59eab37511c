"""Pictures of W, computed where the weights live: no larger than the pane that shows them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from rugtui.errors import WeightsError
from rugtui.live.commands import Kind, Look, Order
from rugtui.live.frame import CellReadout, Panel
from rugtui.models.base import Weights, Window
from rugtui.models.extremes import cells, extremes
from rugtui.models.ordering import beside_partners, clusters, in_sequency, permuted
from rugtui.models.rug import Rug

Arranged = tuple[Weights, Int[np.ndarray, " n_sparse"] | None]
"""Weights in the order of a picture, and the feature at each place (None: as they are)."""


class PictureMaker:
    """Paints panels, and remembers the orders that are dear.

    A clustered order is that of the weights when it was first asked for: it stays until another
    order is looked at, so that a picture of moving weights stands still.
    """

    def __init__(self) -> None:
        self._clusters: dict[Kind, Int[np.ndarray, " n_sparse"]] = {}
        self._kept: dict[Kind, tuple[Weights, Order, Arranged]] = {}

    def window(self, look: Look, n_sparse: int) -> Window:
        """What is looked at: all of W, too, where the look was meant for a larger one."""
        window = look.window or Window.whole(n_sparse)
        return window if max(window.bottom, window.right) <= n_sparse else Window.whole(n_sparse)

    def panel(self, kind: Kind, weights: Weights, look: Look) -> Panel:
        """The window of these weights, with no more pixels than it has cells."""
        if look.order != "clustered":
            self._clusters.clear()
        if look.order == "natural":
            self._kept.clear()
        note, order = "", look.order
        try:
            shown, features = self._arranged(kind, weights, order)
        except WeightsError as error:
            note, order = str(error), "natural"
            shown, features = weights, None
        window = self.window(look, weights.n_sparse)
        height = min(look.height, window.bottom - window.top)
        width = min(look.width, window.right - window.left)
        return Panel(
            kind,
            shown.pooled(window, height, width),
            _biases(shown, window.top, window.bottom, height),
            order,
            note,
            _cell(shown, features, window, height, width, look.cursor),
        )

    def _arranged(self, kind: Kind, weights: Weights, order: Order) -> Arranged:
        """Raises WeightsError where these weights have no such order."""
        if order == "natural":
            return weights, None
        kept = self._kept.get(kind)
        if kept is None or kept[0] is not weights or kept[1] != order:
            kept = weights, order, self._arrange(kind, weights, order)
            self._kept[kind] = kept
        return kept[2]

    def _arrange(self, kind: Kind, weights: Weights, order: Order) -> Arranged:
        if order == "sequency":
            return in_sequency(weights)
        if isinstance(weights, Rug):
            return beside_partners(weights)
        if kind not in self._clusters:
            self._clusters[kind] = clusters(weights)
        return permuted(weights, self._clusters[kind]), self._clusters[kind]


def _cell(
    weights: Weights,
    features: Int[np.ndarray, " n_sparse"] | None,
    window: Window,
    height: int,
    width: int,
    cursor: tuple[int, int] | None,
) -> CellReadout | None:
    """What is under the cursor, None where that is not in the window."""
    if cursor is None:
        return None
    row, column = cursor
    if not (window.top <= row < window.bottom and window.left <= column < window.right):
        return None
    top, bottom = _block_around(row, window.top, window.bottom, height)
    left, right = _block_around(column, window.left, window.right, width)
    block = Window(top, left, bottom, right)
    found = extremes(weights, block)
    return CellReadout(
        place=cursor,
        i=row if features is None else int(features[row]),
        j=column if features is None else int(features[column]),
        value=float(cells(weights, np.array([row]), np.array([column]))[0, 0]),
        bias=float(_biases(weights, row, row + 1, 1)[0]),
        block=block,
        low=found.low,
        high=found.high,
        sampled=found.sampled,
    )


def _block_around(place: int, start: int, stop: int, blocks: int) -> tuple[int, int]:
    """The block of `Weights.pooled` that holds a place: the last one that begins at or before."""
    length = stop - start
    k = ((place - start + 1) * blocks - 1) // length
    return start + k * length // blocks, start + (k + 1) * length // blocks


def _biases(weights: Weights, top: int, bottom: int, blocks: int) -> Float[np.ndarray, " blocks"]:
    """Means of the biases of so many blocks of rows."""
    if isinstance(weights, Rug):
        return np.full(blocks, weights.b)  # a million of them, all the same
    edges = np.arange(blocks + 1) * (bottom - top) // blocks
    values = weights.biases()[top:bottom]
    return np.add.reduceat(values, edges[:-1]) / np.diff(edges)
