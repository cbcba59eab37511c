"""The key table, from which bindings, footer, help, palette and config file are made."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rugtui.tui.keynames import shown

if TYPE_CHECKING:
    from textual.binding import Binding, BindingType

Keymap = Mapping[str, str]
"""The keys (Textual's names) of the key-table names that a user moved."""
SHEETS = ("runs", "sweep", "form", "list", "failure")
"""Screens that cover the panes, with keys of their own."""
ON_SHEETS = ("command_palette", "help", "quit", "interrupt", "suspend")
"""Keys that work there too."""
TYPED_IN = ("form", "list")
"""Sheets with text fields: no letter quits."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key: what it does, its word in the footer, its sentence in the help.

    A key of a pane works, and is in the footer, while that pane has the focus; one of the pane
    "dashboard" works in all of them, and not in what covers them.
    """

    keys: str
    """Textual's name of the key, or the names of several, with commas."""
    action: str
    word: str
    about: str
    group: str
    footer: bool = True
    shown_as: str = ""
    pane: str = ""
    pair: str = ""
    """How the footer shows it together with its counterpart, which is then left out there."""
    name: str = ""
    """In the config file and the palette; the action's where that takes no arguments."""
    priority: bool = False
    """Whether it has priority over the focused widget."""
    over: bool = False
    """Whether it takes the place of the dashboard's key while its pane has the focus."""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", self.action)
        if not re.fullmatch(r"[a-z_]+", self.name):
            raise ValueError(f"the action {self.action!r} takes arguments: give its key a name")

    def binding(self, namespace: str = "", *, footer: bool = True) -> Binding:
        from textual.binding import Binding

        return Binding(
            self.keys,
            namespace + self.action,
            self.word,
            show=self.footer and footer,
            tooltip=self.about,
            id=self.name,
            priority=self.priority,
        )

    def shown(self, keymap: Keymap) -> str:
        """The key or keys for display."""
        moved = keymap.get(self.name)
        if self.shown_as and not moved:
            return self.shown_as
        return " ".join(shown(key) for key in (moved or self.keys).split(","))

    def shown_with_pair(self, keymap: Keymap) -> str:
        """The key and its counterpart, for the footer."""
        return " ".join(key.shown(keymap) for key in KEYS if key.about == self.about)

    def works_on(self, sheet: str) -> bool:
        """Whether it is one of a sheet's own keys, or of those that it shares."""
        shared = self.name in ON_SHEETS and not (self.name == "quit" and sheet in TYPED_IN)
        return self.pane == sheet or shared

    def meets(self, other: Key) -> bool:
        """Whether both work in the same place, so that they must differ."""
        if self.pane == other.pane:
            return True
        for one, another in ((self, other), (other, self)):
            if one.pane in SHEETS:
                return another.works_on(one.pane)
            if one.over and another.pane == "dashboard":
                return False
        return bool({self.pane, other.pane} & {"", "dashboard"})

    @property
    def title(self) -> str:
        """What the palette calls it."""
        words = self.name.replace("_", " ")
        return f"{self.group}: {words}" if self.pane and self.pane != "dashboard" else words


# Keys that belong together have one sentence, and one line in the help.
LR = "Halve and double the learning rate."
P = "Fewer and more features on: p × 0.8 and p × 1.25."
NEXT = "Focus the next or the previous pane."
PALETTE = "Find every command by name: keys, presets, themes."
GO = "Focus the loss, weights, theory or symmetry pane."
MAXIMIZE = "Maximize the focused pane, or show all panes again."
JUMP = (
    "Show a letter on every pane: typing it focuses the pane, with shift maximizes it. Not from W."
)
CURSOR = "Move the cursor to read out a cell; the mouse does so too."
COPY = "Copy the value under the mouse, the crosshair or the cursor, else the snapshot's path."
REDRAW = "Redraw the screen, after another program wrote over it."
SUSPEND = "Suspend the program, training included; fg in the shell resumes it."
INTERRUPT = "Quit, if pressed twice."
FPS = "Draw twice as often, or half as often."
SYSTEM = "Processor, memory, GPU and the bytes sent to the terminal, over the last minutes."
REPLAY = "Replay the run in ten seconds: W, theory and symmetry at one saved step after another."
LIVE = "Hide the crosshair: all panes return to the newest step."
CROSS = "Move the crosshair; the line under the chart reads out what is there."
CROSS_FAR = "Move the crosshair by 16 columns."
CROSS_END = "Move the crosshair to the first or the newest result."
ZOOM_X = "Zoom in and out around the crosshair."
ZOOM_Y = "Zoom the loss axis in and out around the curve."
SMOOTH = "Weaker and stronger smoothing, by local linear fits, which do not lag."
SCALE = "Colours up to the 99th percentile off the diagonal (quantile), fixed, or logarithmic."
ORDER = "Order of the features: natural, by sequency, clustered, partners side by side."
SELECT = "Select a run."
OPEN_RUN = "Open a run in the panes; the live run is saved and stays on the list."
LOAD = "Draw a saved run beside this one."
FILTER = "Show only runs with these words; or load any run by its folder."
SORT = "Sort by the next column; with shift, the other way round. A click on a heading sorts too."
RENAME = "Rename a run on the screen."
REMOVE = "Take a run off the list; its files stay."
COMPARE = "Compare the others with this run: shows their losses over its loss; again to stop."
ZOOM = "Zoom in and out at the cursor."
NO_ROW = "Deselect the row."
QUANTITY = "Show the next or the previous quantity: losses, ratios, statistics."
VARIANT = "The next variant of the trained models: bias, tied, activation, data."
CELL = "Move the cursor over the cells."
ROW = "Go to the next or the previous setting."
CHOOSE = "Choose the next or the previous value; a letter chooses one that begins with it."


def arrows(
    name: str,
    action: str,
    about: str,
    group: str,
    pane: str,
    prefix: str = "",
    letters: bool = False,
) -> list[Key]:
    """An action for each of the four arrows, which takes the step down and the step right;
    `letters`: and for h, j, k and l."""
    steps = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
    letter = {"up": ",k", "down": ",j", "left": ",h", "right": ",l"}
    return [
        Key(
            keys=f"{prefix}{arrow}{letter[arrow] if letters else ''}",
            action=f"{action}{step}",
            word=action,
            about=about,
            group=group,
            footer=False,
            shown_as=f"{prefix}arrows{' hjkl' * letters}",
            pane=pane,
            over=letters,
            name=f"{name}_{arrow}",
        )
        for arrow, step in steps.items()
    ]


def rows_of(pane: str) -> list[Key]:
    """The keys that select a row of a table, which then explains itself."""
    group, about = pane.capitalize(), f"Select a row of {pane}, which then explains itself."
    return [
        Key("up", "select_row(-1)", "row", about, group, True, "↑", pane, "↑ ↓", f"{pane}_row_up"),
        Key("down", "select_row(1)", "", about, group, False, "↓", pane, name=f"{pane}_row_down"),
        Key("escape", "select_none", "", NO_ROW, group, False, pane=pane, name=f"{pane}_no_row"),
    ]


KEYS = (
    Key("w", "swap_weights", "rug", "Swap trained and rug weights; training goes on.", "Weights"),
    Key(
        "space",
        "pause",
        "pause",
        "Pause and resume; after the last step, train further.",
        "Training",
    ),
    Key("left_square_bracket", "lr(0.5)", "lr", LR, "Training", pair="[ ]", name="halve_lr"),
    Key("right_square_bracket", "lr(2.0)", "lr×2", LR, "Training", False, name="double_lr"),
    Key("left_curly_bracket", "p(0.8)", "p", P, "Training", pair="{ }", name="lower_p"),
    Key("right_curly_bracket", "p(1.25)", "p×1.25", P, "Training", False, name="raise_p"),
    Key("e", "edit", "edit", "Edit every setting in a form.", "Training"),
    Key("s", "snapshot", "save", "Save weights, history and the screen as a snapshot.", "Files"),
    Key("y", "copy", "copy", COPY, "Files", False),
    Key("P", "replay", "replay", REPLAY, "Panes"),
    Key("t", "tab", "view", "Loss against steps, against r, against p.", "Loss", pane="loss"),
    Key("l", "scales", "axes", "Step through linear and logarithmic axes.", "Loss", pane="loss"),
    Key("h", "crosshair", "crosshair", "Show and hide the crosshair.", "Loss", pane="loss"),
    Key("escape", "live", "live", LIVE, "Loss", False, pane="loss", name="back_to_now"),
    Key("left", "cross(-1)", "", CROSS, "Loss", False, "←", "loss", name="cross_left"),
    Key("right", "cross(1)", "", CROSS, "Loss", False, "→", "loss", name="cross_right"),
    Key("comma", "cross(-16)", "", CROSS_FAR, "Loss", False, "", "loss", name="cross_far_left"),
    Key("full_stop", "cross(16)", "", CROSS_FAR, "Loss", False, "", "loss", name="cross_far_right"),
    Key("home", "cross_to(False)", "", CROSS_END, "Loss", False, pane="loss", name="cross_first"),
    Key("end", "cross_to(True)", "", CROSS_END, "Loss", False, pane="loss", name="cross_newest"),
    Key("i", "zoom_x(0.5)", "in", ZOOM_X, "Loss", False, pane="loss", name="zoom_x_in"),
    Key("o", "zoom_x(2.0)", "out", ZOOM_X, "Loss", False, pane="loss", name="zoom_x_out"),
    Key("I", "zoom_y(0.5)", "", ZOOM_Y, "Loss", False, pane="loss", name="zoom_y_in"),
    Key("O", "zoom_y(2.0)", "", ZOOM_Y, "Loss", False, pane="loss", name="zoom_y_out"),
    *arrows("chart", "pan", "Pan by a quarter of the chart.", "Loss", "loss", "shift+"),
    Key("0", "all", "all", "Show all of the data.", "Loss", False, pane="loss", name="whole_chart"),
    Key(
        "f",
        "follow",
        "follow",
        "Follow the newest step, or hold the view.",
        "Loss",
        False,
        pane="loss",
    ),
    Key("less_than_sign", "smooth(-1)", "", SMOOTH, "Loss", False, "", "loss", name="smooth_less"),
    Key(
        "greater_than_sign", "smooth(1)", "", SMOOTH, "Loss", False, "", "loss", name="smooth_more"
    ),
    Key("c", "compare", "compare", "Trained and rug side by side.", "Weights", pane="weights"),
    Key(
        "f",
        "next_construction",
        "rug type",
        "Step through the constructions.",
        "Weights",
        pane="weights",
        name="next_frame",  # of 0.1.0, in users' config files
    ),
    Key("r", "order", "order", ORDER, "Weights", False, pane="weights"),
    Key("v", "scaling", "scale", SCALE, "Weights", False, pane="weights"),
    Key("i", "closer(1)", "zoom", ZOOM, "Weights", False, pane="weights", name="zoom_in"),
    Key("o", "closer(-1)", "out", ZOOM, "Weights", False, pane="weights", name="zoom_out"),
    Key("0", "whole", "all", "All of W.", "Weights", False, pane="weights", name="whole_matrix"),
    Key("n", "cells", "1:1", "One cell of W per pixel.", "Weights", False, pane="weights"),
    *arrows("cursor", "cursor", CURSOR, "Weights", "weights", letters=True),
    *arrows("window", "pan", "Pan by a quarter of the window.", "Weights", "weights", "shift+"),
    Key("escape", "no_cursor", "no cursor", "Hide the cursor.", "Weights", False, pane="weights"),
    *rows_of("theory"),
    *rows_of("symmetry"),
    Key(
        "R",
        "runs",
        "runs",
        "Runs of this session and on disk: sort, filter, preview, compare, open.",
        "Runs",
    ),
    Key("up", "select(-1)", "", SELECT, "Runs", False, "", "runs", name="select_run_above"),
    Key("down", "select(1)", "", SELECT, "Runs", False, "", "runs", name="select_run_below"),
    Key("enter", "open_run", "open", OPEN_RUN, "Runs", pane="runs"),
    Key("l", "load", "load", LOAD, "Runs", pane="runs", name="load_run"),
    Key("slash", "filter", "filter", FILTER, "Runs", pane="runs", name="filter_runs"),
    Key("s", "sort(False)", "sort", SORT, "Runs", pane="runs", name="sort_runs"),
    Key("S", "sort(True)", "", SORT, "Runs", False, pane="runs", name="sort_runs_other_way"),
    Key("n", "name", "name", RENAME, "Runs", pane="runs", name="name_run"),
    Key("h", "hide", "hide", "Hide a run, or show it again.", "Runs", pane="runs", name="hide_run"),
    Key("c", "reference", "compare", COMPARE, "Runs", pane="runs", name="compare_run"),
    Key("delete", "remove", "remove", REMOVE, "Runs", pane="runs", name="remove_run"),
    Key("escape", "close", "close", "Close the list.", "Runs", pane="runs", name="close_runs"),
    Key("j", "jump", "jump", JUMP, "Panes", False, pane="dashboard"),
    Key("x", "sweep", "sweep", "Sweeps: set one up, watch it, open its cells.", "Sweep"),
    Key("t", "quantity(1)", "quantity", QUANTITY, "Sweep", pane="sweep", name="next_quantity"),
    Key("T", "quantity(-1)", "", QUANTITY, "Sweep", False, pane="sweep", name="last_quantity"),
    Key("up", "cell(1, 0)", "", CELL, "Sweep", False, "↑", "sweep", name="cell_up"),
    Key("down", "cell(-1, 0)", "", CELL, "Sweep", False, "↓", "sweep", name="cell_down"),
    Key("left", "cell(0, -1)", "", CELL, "Sweep", False, "←", "sweep", name="cell_left"),
    Key("right", "cell(0, 1)", "", CELL, "Sweep", False, "→", "sweep", name="cell_right"),
    Key("enter", "open_cell", "open", "Open a cell's weights in the panes.", "Sweep", pane="sweep"),
    Key("p", "stop_sweep", "stop/resume", "Stop the sweep, or resume it.", "Sweep", pane="sweep"),
    Key("c", "turn_curve", "r/p", "The curve along p or along r.", "Sweep", pane="sweep"),
    Key("v", "next_part", "parts", "Map and curve, map, curve.", "Sweep", pane="sweep"),
    Key("g", "next_size", "n_sparse", "The next n_sparse.", "Sweep", pane="sweep"),
    Key("b", "next_variant", "variant", VARIANT, "Sweep", pane="sweep"),
    Key("s", "next_seed", "seed", "The mean over seeds, or one of them.", "Sweep", pane="sweep"),
    Key("n", "new_sweep", "new", "Set up a new sweep in a form.", "Sweep", pane="sweep"),
    Key(
        "l",
        "list_sweeps",
        "list",
        "List sweeps to watch, or open one by its folder.",
        "Sweep",
        pane="sweep",
    ),
    Key(
        "escape", "close", "close", "Back to the panes.", "Sweep", pane="sweep", name="close_sweep"
    ),
    Key("enter,ctrl+s", "apply", "apply", "Apply the draft.", "Form", pane="form"),
    Key("down,tab", "go(1)", "next", ROW, "Form", False, "", "form", name="next_row"),
    Key("up,shift+tab", "go(-1)", "", ROW, "Form", False, "", "form", name="last_row"),
    Key("right,space", "choose(1)", "", CHOOSE, "Form", False, "", "form", name="next_value"),
    Key("left", "choose(-1)", "", CHOOSE, "Form", False, "", "form", name="last_value"),
    Key("escape", "cancel", "cancel", "Close without changes.", "Form", pane="form", name="cancel"),
    Key("escape", "dismiss", "close", "Close the list.", "Lists", pane="list", name="close_list"),
    Key(
        "t",
        "trace",
        "traceback",
        "Show the traceback of a bug.",
        "Failure",
        pane="failure",
        name="traceback",
    ),
    Key(
        "e",
        "edit",
        "edit",
        "Edit the settings and start again.",
        "Failure",
        pane="failure",
        name="edit_and_start",
    ),
    Key(
        "escape,enter",
        "dismiss",
        "close",
        "Close it; nothing is lost.",
        "Failure",
        pane="failure",
        name="close_failure",
    ),
    Key("z", "zoom", "zoom", MAXIMIZE, "Panes", False, "", "dashboard", name="maximize"),
    Key("tab", "next_pane(1)", "", NEXT, "Panes", False, "", "dashboard", name="next_pane"),
    Key("shift+tab", "next_pane(-1)", "", NEXT, "Panes", False, "", "dashboard", name="last_pane"),
    Key("1", "pane('loss')", "", GO, "Panes", False, "", "dashboard", name="go_to_loss"),
    Key("2", "pane('weights')", "", GO, "Panes", False, "", "dashboard", name="go_to_weights"),
    Key("3", "pane('theory')", "", GO, "Panes", False, "", "dashboard", name="go_to_theory"),
    Key(
        "4",
        "pane('symmetry')",
        "symmetry",
        GO,
        "Panes",
        False,
        "",
        "dashboard",
        name="go_to_symmetry",
    ),
    Key("m", "system", "system", SYSTEM, "Screen", False),
    Key("L", "log", "log", "The run's log: what happened to it, and when.", "Files", False),
    Key("plus", "fps(2.0)", "fps+", FPS, "Screen", False, name="draw_more_often"),
    Key("minus", "fps(0.5)", "fps−", FPS, "Screen", False, name="draw_less_often"),
    Key("d", "theme", "dark", "Switch between dark and light colours.", "Screen", False),
    Key("ctrl+l", "redraw", "redraw", REDRAW, "Screen", False),
    Key("ctrl+p", "command_palette", "palette", PALETTE, "Screen"),
    Key("question_mark,f1", "help", "help", "The keys that work here.", "Screen"),
    Key("ctrl+z", "suspend_process", "", SUSPEND, "Screen", False, name="suspend", priority=True),
    Key("ctrl+c", "interrupt", "", INTERRUPT, "Screen", False, priority=True),
    Key("q", "quit", "quit", "Quit at once.", "Screen"),
)


def bindings(pane: str = "") -> list[BindingType]:
    """The keys of a pane, or those that always work."""
    return [key.binding() for key in KEYS if key.pane == pane]


def sheet_bindings(sheet: str) -> list[BindingType]:
    """The keys of a sheet, and those it shares, in the order of its footer."""
    shared = [key for key in KEYS if key.name in ON_SHEETS and key.works_on(sheet)]
    return [
        *bindings(sheet),
        *(key.binding("app.", footer=key.name != "command_palette") for key in shared),
    ]


def key_named(name: str | None) -> Key | None:
    """The key with this name; None if there is none."""
    return next((key for key in KEYS if key.name == name), None)


def help_lines(keymap: Keymap | None = None, sheet: str = "") -> dict[str, list[tuple[str, str]]]:
    """For each group, its keys as people see them and their help: of one sheet, or all."""
    groups: dict[str, dict[str, list[str]]] = {}
    for key in KEYS:
        if sheet in SHEETS and not key.works_on(sheet):
            continue
        lines = groups.setdefault(key.group, {})
        lines.setdefault(key.about, []).append(key.shown(keymap or {}))
    return {
        group: [(" ".join(dict.fromkeys(keys)), about) for about, keys in lines.items()]
        for group, lines in groups.items()
    }
