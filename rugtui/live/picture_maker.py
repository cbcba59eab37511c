"""Pictures of W, no larger than the pane, computed on the device of the weights."""

from __future__ import annotations

import time

import numpy as np
from jaxtyping import Float, Int

from rugtui.errors import WeightsError
from rugtui.live.commands import Kind, Look, Order
from rugtui.live.frame import CellReadout, Panel, Picture
from rugtui.models.base import Weights, Window
from rugtui.models.extremes import cells, extremes
from rugtui.models.ordering import beside_partners, clusters, in_pairs, in_sequency, permuted
from rugtui.models.rug import Rug

SPARING = 50.0
"""Partners are searched again after this many times the time that the last search took."""
Arranged = tuple[Weights, Int[np.ndarray, " n_sparse"] | None]
"""Weights in the order of a picture, and the feature at each position (None: unchanged)."""


class PictureMaker:
    """Makes pictures, and caches orderings that are expensive to compute.

    The clustered ordering of trained weights is computed once and stays until another ordering is
    shown, so that features keep their positions while the weights change. Partners are searched
    again as the weights change, as often as that takes little time.
    """

    def __init__(self) -> None:
        self._clusters: dict[Kind, Int[np.ndarray, " n_sparse"]] = {}
        self._kept: dict[Kind, tuple[Weights, Order, Arranged]] = {}
        self._pairs: dict[Kind, Int[np.ndarray, " n_sparse"]] = {}
        self._again = 0.0
        """When partners are searched again, on the monotonic clock."""

    def picture(self, shown: dict[Kind, Weights], look: Look, step: int) -> Picture:
        """The picture of these weights, side by side."""
        n_sparse = next(iter(shown.values())).n_sparse
        panels = tuple(self.panel(kind, weights, look) for kind, weights in shown.items())
        return Picture(step, window_of(look, n_sparse), n_sparse, panels)

    def panel(self, kind: Kind, weights: Weights, look: Look) -> Panel:
        """The window of these weights, with at most as many pixels as cells."""
        if look.order != "clustered":
            self._clusters.clear()
        if look.order != "partners":
            self._pairs.clear()
        if look.order == "natural":
            self._kept.clear()
        note, order = "", look.order
        try:
            shown, features = self._arranged(kind, weights, order)
        except WeightsError as error:
            note, order = str(error), "natural"
            shown, features = weights, None
        window = window_of(look, weights.n_sparse)
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
        """Raises WeightsError if these weights have no such ordering."""
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
        if order == "partners":
            found = self._in_pairs(kind, weights)
            return permuted(weights, found), found
        if kind not in self._clusters:
            self._clusters[kind] = clusters(weights)
        return permuted(weights, self._clusters[kind]), self._clusters[kind]

    def _in_pairs(self, kind: Kind, weights: Weights) -> Int[np.ndarray, " n_sparse"]:
        begun = time.monotonic()
        known = self._pairs.get(kind)
        if known is None or len(known) != weights.n_sparse or begun >= self._again:
            known = self._pairs[kind] = in_pairs(weights)
            now = time.monotonic()
            self._again = now + SPARING * (now - begun)
        return known


def window_of(look: Look, n_sparse: int) -> Window:
    """The window to show: all of W if that which is asked for does not fit."""
    window = look.window or Window.whole(n_sparse)
    return window if max(window.bottom, window.right) <= n_sparse else Window.whole(n_sparse)


def _cell(
    weights: Weights,
    features: Int[np.ndarray, " n_sparse"] | None,
    window: Window,
    height: int,
    width: int,
    cursor: tuple[int, int] | None,
) -> CellReadout | None:
    """The cell under the cursor; None if that is outside the window."""
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
    """The block of `Weights.pooled` that contains a position."""
    length = stop - start
    k = ((place - start + 1) * blocks - 1) // length
    return start + k * length // blocks, start + (k + 1) * length // blocks


def _biases(weights: Weights, top: int, bottom: int, blocks: int) -> Float[np.ndarray, " blocks"]:
    """Means of the biases of so many blocks of rows."""
    if isinstance(weights, Rug):
        return np.full(blocks, weights.b)  # without making the array of all features
    edges = np.arange(blocks + 1) * (bottom - top) // blocks
    values = weights.biases()[top:bottom]
    return np.add.reduceat(values, edges[:-1]) / np.diff(edges)
