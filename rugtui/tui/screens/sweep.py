"""The sweep screen: sets up, starts, follows and stops a sweep, and opens its cells."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

from textual.app import ComposeResult
from textual.containers import Vertical

from rugtui.errors import RugtuiError
from rugtui.live.commands import Command, Open
from rugtui.live.frame import Frame
from rugtui.sweeps import watch
from rugtui.sweeps.grid import RANDOM, Axes, Grid, Kind, Variant
from rugtui.sweeps.table import Row
from rugtui.sweeps.watch import Watch, Watched
from rugtui.tui.footer import KeyBar
from rugtui.tui.keys import sheet_bindings
from rugtui.tui.panes.sweep.view import LARGEST, Choice, SweepView, counts, with_weights
from rugtui.tui.panes.sweep.widget import SweepPane
from rugtui.tui.screens.overlay import Overlay
from rugtui.tui.screens.sweep_choice import OTHER, Other, SweepForm, Sweeps

ON_A_SWEEP = (
    *("stop_sweep", "cell", "quantity", "next_size", "next_variant", "next_seed"),
    *("turn_curve", "next_part", "open_cell"),
)
"""Actions that need a sweep."""
POLL_EVERY = 0.25
"""Seconds between two checks of a sweep's folder."""
NOTHING = "No sweep yet: n sets one up, l lists those on disk."


class Desk:
    """What the sweep screen remembers while it is closed."""

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.look = SweepView(size=LARGEST)  # the first one to be computed
        self.processes: dict[Path, subprocess.Popen[bytes]] = {}
        """Processes started here, by the sweep's folder."""


class SweepScreen(Overlay[None]):
    """Follows a sweep's folder in a thread. The sweep runs in its own process, which continues when
    the screen or the dashboard is closed."""

    keys_of = "sweep"
    BINDINGS = sheet_bindings("sweep")

    def __init__(self, frame: Frame, desk: Desk, send: Callable[[Command], None]) -> None:
        super().__init__()
        self._frame, self._desk, self._send = frame, desk, send
        self._left = threading.Event()

    def compose(self) -> ComposeResult:
        with Vertical(classes="sheet") as sheet:
            sheet.border_title = "Sweep"
            yield SweepPane("", id="sweep")
            yield KeyBar(always=3)  # the way back, too

    async def on_mount(self) -> None:
        self.pane.note, self.pane.look = NOTHING, self._desk.look
        self.pane.frame = self._frame
        self.pane.focus()
        if self._desk.folder is None:
            await self._begin_with()
        else:
            self.follow(self._desk.folder)

    async def _begin_with(self) -> None:
        """Show the list of sweeps or, if there are none, the form for a new one."""
        try:
            there_are = bool(await asyncio.to_thread(watch.known_sweeps))
        except OSError:
            there_are = True  # the list shows the error
        if self.is_attached:
            await (self.action_list_sweeps() if there_are else self.action_new_sweep())

    def on_unmount(self) -> None:
        self._left.set()

    @property
    def pane(self) -> SweepPane:
        return self.query_one(SweepPane)

    def follow(self, folder: Path) -> None:
        """Follow another sweep."""
        self._left.set()
        self._left = threading.Event()
        self._desk.folder = folder
        self.pane.note = f"Reading {folder} …"
        self._see(None, self._left)
        watching = partial(self._watch, folder, self._desk.processes.get(folder), self._left)
        self.run_worker(watching, thread=True, name="sweep")

    def _watch(
        self, folder: Path, child: subprocess.Popen[bytes] | None, left: threading.Event
    ) -> None:
        """In a thread: pass the state to the screen when it has changed."""
        try:
            follower = Watch(folder, child)
            while not left.is_set():
                found = follower.poll()
                if found is not None:
                    self.app.call_from_thread(self._see, found, left)
                left.wait(POLL_EVERY)
        except (OSError, RugtuiError) as error:
            if not left.is_set():
                self.app.call_from_thread(self._cannot, f"Cannot be read: {error}")

    def _see(self, sweep: Watched | None, left: threading.Event) -> None:
        if left is self._left and self.is_attached:
            self.pane.see(sweep)
            self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable actions that have nothing to act on."""
        if action not in ON_A_SWEEP or not self.is_attached:
            return True
        sweep = self.pane.sweep
        if sweep is None:
            return False
        if action == "stop_sweep":
            return sweep.doing != "done"
        several = {f"next_{what}": count > 1 for what, count in counts(sweep).items()}
        return several.get(action, True)

    def _cannot(self, why: str) -> None:
        self.notify(why, severity="error", markup=False)
        if self.is_attached and self.pane.sweep is None:
            self.pane.note = NOTHING
            self._desk.folder = None
            self._see(None, self._left)

    async def action_new_sweep(self) -> None:
        async def begin(asked: tuple[Grid, Path] | Other | None) -> None:
            if asked == OTHER:
                await self.action_list_sweeps()
            elif asked is not None:
                self.run_worker(partial(self._begin, *asked), thread=True, name="begin")
            else:
                self._close_without_sweep()

        sweep = self.pane.sweep
        await self.app.push_screen(SweepForm(sweep.grid if sweep else Grid()), begin)

    def _begin(self, grid: Grid, folder: Path) -> None:
        try:
            watch.prepare(folder, grid)
        except (OSError, RugtuiError) as error:
            self.app.call_from_thread(self._cannot, str(error))
            return
        self._start(folder)

    def _start(self, folder: Path) -> None:
        """In a thread, because starting a process may take a while."""
        try:
            self._desk.processes[folder] = watch.start(folder)
        except (OSError, RugtuiError) as error:
            self.app.call_from_thread(self._cannot, str(error))
            return
        self.app.call_from_thread(self.follow, folder)

    async def action_list_sweeps(self) -> None:
        async def follow(folder: Path | Other | None) -> None:
            if folder == OTHER:
                await self.action_new_sweep()
            elif folder is not None:
                self.follow(folder)
            else:
                self._close_without_sweep()

        await self.app.push_screen(Sweeps(), follow)

    def _close_without_sweep(self) -> None:
        """Nothing was chosen: an empty screen would take a second escape."""
        if self._desk.folder is None:
            self.dismiss()

    def action_stop_sweep(self) -> None:
        """Stop the sweep, or resume it."""
        sweep = self.pane.sweep
        if sweep is None or sweep.doing == "done":
            return
        if sweep.doing == "computing":
            self._stop(sweep.folder)
        elif sweep.doing == "starting":
            self._desk.processes[sweep.folder].terminate()
        else:
            self.run_worker(partial(self._start, sweep.folder), thread=True, name="start")

    def _stop(self, folder: Path) -> None:
        try:
            watch.stop(folder)
        except (OSError, RugtuiError) as error:
            self._cannot(str(error))
            return
        self.notify("Stopping. Finished cells are kept.", timeout=2)

    def action_cell(self, up: int, right: int) -> None:
        if sweep := self.pane.sweep:
            self._look(self.pane.look.moved(self.pane.look.cells(sweep), up, right))

    def action_quantity(self, by: int) -> None:
        if sweep := self.pane.sweep:
            self._look(self.pane.look.next_quantity(sweep, by))

    def action_next_size(self) -> None:
        self._next("size")

    def action_next_variant(self) -> None:
        self._next("variant")

    def action_next_seed(self) -> None:
        self._next("seed")

    def _next(self, what: Choice) -> None:
        if sweep := self.pane.sweep:
            self._look(self.pane.look.next_of(sweep, what))

    def action_turn_curve(self) -> None:
        self._look(self.pane.look.turned())

    def action_next_part(self) -> None:
        self._look(self.pane.look.next_part())

    def action_open_cell(self) -> None:
        """Open the weights under the cursor in the panes; training them starts a new run."""
        sweep, look = self.pane.sweep, self.pane.look
        if sweep is None:
            return
        if self._frame.read_only:
            self.notify(self._frame.read_only, severity="warning", markup=False)
            return
        cells = look.cells(sweep)
        shown = look.shown_quantity(sweep).kind
        kind: Kind = shown if shown in RANDOM else Axes.of(sweep.grid).kinds[0]
        found = cells.at(*look.cursor(cells), kind)
        row = with_weights(found)
        if row is None or row.weights is None:
            why = without_weights(sweep.grid, kind, found)
            self.notify(why, severity="warning", markup=False)
            return
        variant = Variant() if kind == "rug" else row.variant
        shape = row.n_sparse, row.n_dense
        settings = sweep.grid.settings(shape, row.p, row.seed or 0, variant)
        self._send(Open(str((sweep.folder / row.weights).absolute()), settings))
        self.dismiss()

    def action_close(self) -> None:
        self.dismiss()

    def _look(self, look: SweepView) -> None:
        self._desk.look = look
        self.pane.look_at(look)


def without_weights(grid: Grid, kind: Kind, rows: list[Row]) -> str:
    """Why a cell with these rows has no weights to open."""
    if kind not in Axes.of(grid).kinds:
        return f"this sweep has no {kind} weights"
    if not grid.save_weights:
        hint = "set save_weights in the next sweep's form"
        return f"the {kind} weights of this cell are not saved: {hint}"
    if any(row.status == "failed" for row in rows):
        return f"this cell has no {kind} weights: it failed"
    return f"the {kind} weights of this cell are not computed yet"
