"""The key table: bindings, footer and help are all made from it, so that none of them can lie."""

from __future__ import annotations

from dataclasses import dataclass

from textual.binding import Binding, BindingType


@dataclass(frozen=True, slots=True)
class Key:
    """One key: what it does, its word in the footer, its sentence in the help.

    A key of a pane works, and is in the footer, while that pane has the focus.
    """

    keys: str
    action: str
    word: str
    about: str
    group: str
    footer: bool = True
    shown_as: str = ""
    pane: str = ""
    pair: str = ""
    """How the footer shows it together with its counterpart, which is then left out there."""

    def binding(self) -> Binding:
        return Binding(
            self.keys,
            self.action,
            self.word,
            show=self.footer,
            key_display=self.pair or self.shown_as or None,
            tooltip=self.about,
            id=self.action,
        )


# Keys that belong together have one sentence, and one line in the help.
LR = "Halve and double the learning rate."
P = "Fewer and more features on: p × 0.8 and p × 1.25."
GO = "Go to the loss, the weights, the theory, the symmetry."
MAXIMIZE = "Give the whole screen to the focused pane, and take it back."
FPS = "Draw twice and half as often."
CROSS = "Move the crosshair; the line under the chart reads out what is there."
CROSS_FAR = "Move the crosshair far."
CROSS_END = "Put the crosshair on the first and on the newest value."
ZOOM_X = "Zoom in and out around the crosshair."
ZOOM_Y = "Zoom in and out of the losses around the curve there."
SMOOTH = "Smooth less and more."
SCALE = "Colours by quantile, as now, or log."
ORDER = "Features as they are, by sequency, clustered."
ZOOM = "Zoom in and out at the cursor."


def arrows(action: str, about: str, group: str, pane: str, prefix: str = "") -> list[Key]:
    """An action for each of the four arrows, which takes the step down and the step right."""
    steps = {"up": (-1, 0), "down": (1, 0), "left": (0, -1), "right": (0, 1)}
    shown = f"{prefix}arrows"
    return [
        Key(f"{prefix}{arrow}", f"{action}{step}", action, about, group, False, shown, pane)
        for arrow, step in steps.items()
    ]


KEYS = (
    Key("w", "swap_weights", "rug", "Swap trained and rug weights; training goes on.", "Weights"),
    Key(
        "space", "pause", "pause", "Pause and continue; after the last step, train on.", "Training"
    ),
    Key("left_square_bracket", "lr(0.5)", "lr", LR, "Training", True, "[", pair="[ ]"),
    Key("right_square_bracket", "lr(2.0)", "lr×2", LR, "Training", False, "]"),
    Key("left_curly_bracket", "p(0.8)", "p", P, "Training", True, "{", pair="{ }"),
    Key("right_curly_bracket", "p(1.25)", "p×1.25", P, "Training", False, "}"),
    Key("e", "edit", "edit", "Edit every setting in a form.", "Training"),
    Key("s", "snapshot", "save", "Save weights, history and the screen as a snapshot.", "Files"),
    Key("t", "tab", "tab", "Loss against steps, against r, against p.", "Loss", pane="loss"),
    Key("l", "scales", "axes", "Step through linear and logarithmic axes.", "Loss", pane="loss"),
    Key("h", "crosshair", "cross", "Show and hide the crosshair.", "Loss", pane="loss"),
    Key("left", "cross(-1)", "", CROSS, "Loss", False, "←", "loss"),
    Key("right", "cross(1)", "", CROSS, "Loss", False, "→", "loss"),
    Key("comma", "cross(-16)", "", CROSS_FAR, "Loss", False, ",", "loss"),
    Key("full_stop", "cross(16)", "", CROSS_FAR, "Loss", False, ".", "loss"),
    Key("home", "cross_to(False)", "", CROSS_END, "Loss", False, pane="loss"),
    Key("end", "cross_to(True)", "", CROSS_END, "Loss", False, pane="loss"),
    Key("i", "zoom_x(0.5)", "in", ZOOM_X, "Loss", False, pane="loss"),
    Key("o", "zoom_x(2.0)", "out", ZOOM_X, "Loss", False, pane="loss"),
    Key("I", "zoom_y(0.5)", "", ZOOM_Y, "Loss", False, pane="loss"),
    Key("O", "zoom_y(2.0)", "", ZOOM_Y, "Loss", False, pane="loss"),
    *arrows("pan", "Pan by a quarter of the chart.", "Loss", "loss", "shift+"),
    Key("0", "all", "all", "Show all of the data.", "Loss", False, pane="loss"),
    Key("f", "follow", "follow", "Follow the newest step, or stay.", "Loss", False, pane="loss"),
    Key("less_than_sign", "smooth(-1)", "", SMOOTH, "Loss", False, "<", "loss"),
    Key("greater_than_sign", "smooth(1)", "", SMOOTH, "Loss", False, ">", "loss"),
    Key("c", "compare", "both", "Trained and rug side by side.", "Weights", pane="weights"),
    Key(
        "f", "next_frame", "frame", "Step through the engineered frames.", "Weights", pane="weights"
    ),
    Key("r", "order", "order", ORDER, "Weights", False, pane="weights"),
    Key("k", "scaling", "scale", SCALE, "Weights", False, pane="weights"),
    Key("i", "closer(1)", "zoom", ZOOM, "Weights", False, pane="weights"),
    Key("o", "closer(-1)", "out", ZOOM, "Weights", False, pane="weights"),
    Key("0", "whole", "all", "All of W.", "Weights", False, pane="weights"),
    Key("n", "cells", "1:1", "One cell of W a pixel.", "Weights", False, pane="weights"),
    *arrows("cursor", "Move the cursor, which reads out a cell.", "Weights", "weights"),
    *arrows("pan", "Pan by a quarter of the window.", "Weights", "weights", "shift+"),
    Key(
        "escape", "no_cursor", "no cursor", "Put the cursor away.", "Weights", False, pane="weights"
    ),
    Key("z", "zoom", "zoom", MAXIMIZE, "Panes", False),
    Key("1", "pane('loss')", "loss", GO, "Panes", False),
    Key("2", "pane('weights')", "W", GO, "Panes", False),
    Key("3", "pane('theory')", "theory", GO, "Panes", False),
    Key("4", "pane('symmetry')", "symmetry", GO, "Panes", False),
    Key("plus", "fps(2.0)", "fps+", FPS, "Screen", False, "+"),
    Key("minus", "fps(0.5)", "fps−", FPS, "Screen", False, "-"),
    Key("d", "theme", "dark", "Dark or light colours.", "Screen", False),
    Key("question_mark", "help", "help", "This page.", "Screen", True, "?"),
    Key("q", "quit", "quit", "Quit at once.", "Screen"),
)


def bindings(pane: str = "") -> list[BindingType]:
    """The keys of a pane, or those that always work."""
    return [key.binding() for key in KEYS if key.pane == pane]


def help_lines() -> dict[str, list[tuple[str, str]]]:
    """For each group, its keys as people see them, and what they do."""
    groups: dict[str, dict[str, list[str]]] = {}
    for key in KEYS:
        lines = groups.setdefault(key.group, {})
        lines.setdefault(key.about, []).append(key.shown_as or key.keys)
    groups["Panes"]["Go to the next pane."] = ["tab"]
    groups["Screen"]["The command palette: everything by name."] = ["ctrl+p"]
    return {
        group: [(" ".join(dict.fromkeys(keys)), about) for about, keys in lines.items()]
        for group, lines in groups.items()
    }
