"""Lists and ranges of numbers, as users write them on the command line.

`0.1`  ·  `0.1,0.2,0.5`  ·  `0.05:0.8:16` (16 evenly spaced)  ·  `1e-4:0.1:7:log` (evenly in log)
"""

from __future__ import annotations

import math

from rugtui.errors import SettingError

WANTED = "a number, a list 0.1,0.2 or a range FIRST:LAST:COUNT, with :log if wanted"
MOST = 100_000
"""More numbers than this are a typing error."""


def numbers(name: str, text: str) -> list[float]:
    """The numbers that `text` stands for, in its order. Raises SettingError."""
    found: list[float] = []
    for part in text.split(","):
        found.extend(_range(name, text, part) if ":" in part else [_number(name, text, part)])
        if len(found) > MOST:
            raise SettingError(name, f"at most {MOST:,} numbers", f"more, from {text[:40]!r} on")
    return found


def _number(name: str, text: str, part: str) -> float:
    try:
        value = float(part)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise SettingError(name, WANTED, repr(text))
    return value


def _range(name: str, text: str, part: str) -> list[float]:
    pieces = [piece.strip() for piece in part.split(":")]
    logarithmic = pieces[-1] == "log"
    pieces = pieces[:-1] if logarithmic else pieces
    if len(pieces) != 3 or not pieces[2].isdecimal():
        raise SettingError(name, WANTED, repr(text))
    first, last = (_number(name, text, piece) for piece in pieces[:2])
    count = int(pieces[2])
    if not 1 <= count <= MOST or not first <= last or (count == 1 and first != last):
        wanted = f"a range FIRST:LAST:COUNT with FIRST ≤ LAST and COUNT from 2 to {MOST}"
        raise SettingError(name, wanted, repr(part))
    if logarithmic and first <= 0:
        raise SettingError(name, "a range above 0 where it is :log", repr(part))
    steps = [k / max(count - 1, 1) for k in range(count)]
    if logarithmic:
        return [first * (last / first) ** step for step in steps]
    return [first + (last - first) * step for step in steps]
