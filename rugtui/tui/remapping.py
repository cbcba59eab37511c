"""Keys that the config file moves, checked against the key table."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from rugtui.tui.keynames import WANTED, key_names, shown
from rugtui.tui.keys import KEYS, Keymap, key_named

RESERVED = ("ctrl+c", "ctrl+q", "ctrl+z")
"""Keys that always quit or suspend the program."""

SAME = {
    "ctrl+i": "tab",
    "ctrl+m": "enter",
    "ctrl+left_square_bracket": "escape",
}
"""Keys that terminals cannot tell from others."""


def remapped(wanted: Mapping[str, object]) -> tuple[Keymap, dict[str, str]]:
    """The keymap of the config file: `wanted` maps the names of keys to keys as people write them.

    Also returns a sentence for each name that is wrong or clashes; such a key is not moved.
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
    """What is wrong with this key by itself; empty if nothing."""
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
    """A key that is bound twice, the last moved name that has it, and the other name."""
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
