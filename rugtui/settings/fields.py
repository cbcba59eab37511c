"""Values that users may set: declared once as fields of a dataclass, read by forms, command lines
and files.

A field made with `setting` carries its Rule: a sentence for people, its valid values, and what
happens when it changes. `fields_of` gives the fields as `Declared`, which parse and write text.
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
    group: str = "training"
    auto: str = ""
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
    """One declared field as forms and command lines see it."""

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
            value = {"yes": True, "true": True, "on": True, "1": True}.get(text.lower())
            if value is None and text.lower() in ("no", "false", "off", "0"):
                value = False
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
        return int(text) if re.fullmatch(r"[+-]?[\d_]+", text) else _whole(value)
    except ValueError:
        return None


def _whole(value: float) -> int | None:
    return int(value) if value == int(value) else None


def check(declared: Declared, value: Any, *, came: str | None = None) -> None:
    """Raise SettingError unless `value` is valid for this setting.

    `came` is how it was written, for the message: 0 and not 0.0.
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
