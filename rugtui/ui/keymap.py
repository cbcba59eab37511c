"""Keys as a user wants them: checked against the table, so that none is bound twice."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from rugtui.ui.keynames import WANTED, key_name, shown
from rugtui.ui.keys import KEYS, Key, Keymap, key_named

RESERVED = ("ctrl+c", "ctrl+q", "ctrl+z")
"""Keys that the terminal's users expect to leave with, whatever a program makes of the others."""


def remapped(wanted: Mapping[str, object]) -> tuple[Keymap, dict[str, str]]:
    """The keymap that `wanted` (names of keys, and keys as people write them) asks for.

    With it comes, for each name that cannot be as it was asked for, a sentence why. Such a key
    stays where it is, and all others count.
    """
    keymap: dict[str, str] = {}
    faults: dict[str, str] = {}
    for name, text in wanted.items():
        fault = _fault(name, text)
        if fault:
            faults[name] = fault
        else:
            keymap[name] = key_name(str(text))
    while clash := _first_clash(keymap):
        moved, other = clash
        key = keymap.pop(moved)
        faults[moved] = (
            f"the key {shown(key)} is bound twice, to {moved} and to {other}: give one another key"
        )
    return keymap, faults


def _fault(name: str, text: object) -> str:
    """Why this key alone cannot be; empty where it can."""
    if key_named(name) is None:
        near = get_close_matches(name, [key.name for key in KEYS], n=1)
        hint = f"did you mean {near[0]}?" if near else "`rugtui doctor --template` lists them"
        return f"no key is called {name!r}; {hint}"
    key = key_name(text) if isinstance(text, str) else ""
    if not key:
        return f"{name} must be {WANTED}, but it is {text!r}"
    if key in RESERVED:
        return f"{name} must be another key: {shown(key)} always leaves"
    return ""


def _first_clash(keymap: Keymap) -> tuple[str, str] | None:
    """A moved key, the last in order, that meets another one; and that other one."""
    for moved in reversed(list(keymap)):
        mine = key_named(moved)
        assert mine is not None
        for other in KEYS:
            same = keymap.get(other.name, other.keys) == keymap[moved]
            if same and other.name != moved and _meet(mine, other):
                return moved, other.name
    return None


def _meet(one: Key, other: Key) -> bool:
    """Whether both work while some pane has the focus."""
    everywhere = ("", "dashboard")
    return one.pane in everywhere or other.pane in everywhere or one.pane == other.pane
