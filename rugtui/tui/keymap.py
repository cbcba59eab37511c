"""Keys as a user wants them: checked against the table, so that none is bound twice."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from rugtui.tui.keynames import WANTED, key_names, shown
from rugtui.tui.keys import KEYS, Keymap, key_named

RESERVED = ("ctrl+c", "ctrl+q", "ctrl+z")
"""Keys that the terminal's users expect to leave with, whatever a program makes of the others."""

SAME = {
    "ctrl+i": "tab",
    "ctrl+m": "enter",
    "ctrl+left_square_bracket": "escape",
}
"""Keys that terminals cannot tell from others."""


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
            keymap[name] = key_names(str(text))
    while clash := _first_clash(keymap):
        key, moved, other = clash
        del keymap[moved]
        faults[moved] = (
            f"the key {shown(key)} is bound twice, to {moved} and to {other}: give one another key"
        )
    return keymap, faults


def _fault(name: str, text: object) -> str:
    """Why this key alone cannot be; empty where it can."""
    known = key_named(name)
    if known is None:
        near = get_close_matches(name, [key.name for key in KEYS], n=1)
        hint = f"did you mean {near[0]}?" if near else "`rugtui doctor --template` lists them"
        return f"no key is called {name!r}; {hint}"
    keys = key_names(text) if isinstance(text, str) else ""
    if not keys:
        return f"{name} must be {WANTED}, but it is {text!r}"
    for key in keys.split(","):
        if key in RESERVED and key != known.keys:
            return f"{name} must be another key: {shown(key)} always leaves"
        if key in SAME:
            return f"{name} must be another key: for {shown(key)} terminals send {SAME[key]}"
    return ""


def _first_clash(keymap: Keymap) -> tuple[str, str, str] | None:
    """A key that is bound twice, the moved name that has it, the last in order, and the other."""
    for moved in reversed(list(keymap)):
        mine = key_named(moved)
        assert mine is not None
        for other in KEYS:
            if other.name == moved or not mine.meets(other):
                continue
            theirs = keymap.get(other.name, other.keys).split(",")
            for key in keymap[moved].split(","):
                if key in theirs:
                    return key, moved, other.name
    return None
