"""What users may set: fields of a dataclass, each declared once for forms, command lines and files.

A field made with `setting` carries its Rule: a sentence for people, its valid values, and whether a
run continues when it changes. `fields_of` returns the fields as `Declared`, which parse and write
text; `numbers` parses lists and ranges.
"""

from __future__ import annotations

import dataclasses
import math
import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any, get_args, get_type_hints

from rugtui.errors import SettingError

AUTO = "auto"
"""What a user writes for "choose for me"; stored as None."""
YES, NO = ("yes", "true", "on", "1"), ("no", "false", "off", "0")
RANGE = "a number, a list 0.1,0.2 or a range FIRST:LAST:COUNT, with :log if wanted"
MOST = 100_000
"""More numbers than this in one list are assumed to be a typo."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a setting needs besides its type and default.

    `above` and `below` exclude the bound itself, `least` and `most` include it.
    """

    about: str
    unit: str = ""
    above: float = -math.inf
    least: float = -math.inf
    below: float = math.inf
    most: float = math.inf
    hot: bool = False
    """Whether it can change while a run trains, without a restart."""
    group: str = "training"
    auto: str = ""
    """What auto stands for."""
    pattern: str = ""
    phrase: str = ""
    """What matches the pattern, in words."""

    def wanted(self, kind: type) -> str:
        """A phrase for the valid values, as `SettingError` uses it."""
        if self.phrase:
            return self.phrase
        noun = "a whole number" if kind is int else "a number"
        if (low := self.above) > -math.inf or (low := self.least) > -math.inf:
            noun += f" above {low:g}" if self.above > -math.inf else f" of at least {low:g}"
        if self.below < math.inf or self.most < math.inf:
            joint = " and" if low > -math.inf else ""
            noun += joint + (
                f" below {self.below:g}" if self.below < math.inf else f" at most {self.most:g}"
            )
        return noun

    def admits(self, value: Any) -> bool:
        inside = self.above < value < self.below and self.least <= value <= self.most
        return inside and math.isfinite(value)


def setting(default: Any, about: str, **known: Any) -> Any:
    return field(default=default, metadata={"rule": Rule(about, **known)})


@dataclass(frozen=True, slots=True)
class Declared:
    """A declared field, as forms and command lines see it."""

    name: str
    kind: type
    default: Any
    rule: Rule
    choices: tuple[str, ...] = ()
    optional: bool = False

    def parse(self, text: str) -> Any:
        """The value that `text` stands for. Raises SettingError."""
        text = text.strip()
        if self.optional and text.lower() in ("", AUTO):
            return None
        value: Any = text
        if self.kind is bool:
            value = True if text.lower() in YES else False if text.lower() in NO else None
        elif self.kind in (int, float):
            value = number(text, self.kind)
        if value is None:
            raise SettingError(self.name, self.wanted, repr(text))
        check(self, value, came=text if self.kind in (int, float) else None)
        return value

    def write(self, value: Any) -> str:
        """The text that `parse` reads back as `value`."""
        if value is None:
            return AUTO
        if isinstance(value, bool):
            return "yes" if value else "no"
        return f"{value:.12g}" if isinstance(value, float) else str(value)

    @property
    def sentence(self) -> str:
        """The full description: what it is, what auto stands for, and the valid values."""
        auto = f" {AUTO}: {self.rule.auto}." if self.rule.auto else ""
        return f"{self.rule.about}{auto} It is {self.wanted}."

    @property
    def wanted(self) -> str:
        """A phrase for the valid values."""
        if self.choices:
            phrase = "one of " + ", ".join(self.choices)
        elif self.kind is bool:
            phrase = "yes or no"
        else:
            phrase = self.rule.wanted(self.kind)
        return f"{phrase}, or {AUTO}" if self.optional else phrase


def number(text: str, kind: type) -> int | float | None:
    """`text` as a finite number of this kind, or None. 1e4 and 1_000 are whole numbers too."""
    try:
        value = float(text)
        if not math.isfinite(value):
            return None
        if kind is float:
            return value
        if re.fullmatch(r"[+-]?[\d_]+", text):
            return int(text)  # every digit of a large one
        return int(value) if value.is_integer() else None
    except ValueError:
        return None


def check(declared: Declared, value: Any, *, came: str | None = None) -> None:
    """Raises SettingError unless `value` is valid for this setting.

    `came` is how the user wrote it, for the message: 0 and not 0.0.
    """
    if value is None and declared.optional:
        return
    fits = _is_a(value, declared.kind)
    if fits and declared.kind in (int, float):
        fits = declared.rule.admits(value)
    if fits and declared.choices:
        fits = value in declared.choices
    if fits and declared.rule.pattern:
        fits = re.fullmatch(declared.rule.pattern, str(value)) is not None
    if not fits:
        shown = repr(value) if isinstance(value, str) else value
        raise SettingError(declared.name, declared.wanted, shown if came is None else came)


def _is_a(value: object, kind: type) -> bool:
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, kind) or (kind is float and isinstance(value, int))


@cache
def fields_of(settings: type) -> dict[str, Declared]:
    """The declared fields of a dataclass by name, in the order in which they are listed."""
    hints = get_type_hints(settings)
    return {one.name: _declare(one, hints[one.name]) for one in dataclasses.fields(settings)}


def _declare(one: dataclasses.Field[Any], hint: Any) -> Declared:
    options = [kind for kind in get_args(hint) if kind is not type(None)]
    optional = type(None) in get_args(hint)
    choices = get_args(hint) if options and not optional else ()
    kind = str if choices else (options[0] if optional else hint)
    return Declared(one.name, kind, one.default, one.metadata["rule"], choices, optional)


def numbers(name: str, text: str) -> list[float]:
    """The numbers that a user wrote, in that order. Raises SettingError.

    `0.1`, `0.1,0.2,0.5`, `0.05:0.8:16` (16 evenly spaced), `1e-4:0.1:7:log` (evenly in log).
    """
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
        raise SettingError(name, RANGE, repr(text))
    return value


def _range(name: str, text: str, part: str) -> list[float]:
    pieces = [piece.strip() for piece in part.split(":")]
    logarithmic = pieces[-1] == "log"
    pieces = pieces[:-1] if logarithmic else pieces
    if len(pieces) != 3 or not pieces[2].isdecimal():
        raise SettingError(name, RANGE, repr(text))
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
