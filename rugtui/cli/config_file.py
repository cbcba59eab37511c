"""The config file: what its user has by default, and what is wrong in it, by line.

Nothing in it is fatal: what is right counts, and every fault is a sentence that begins with
`FILE:LINE:`. Names and values are those of the declared fields and of the key table.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import click
import platformdirs

from rugtui.cli.statements import Place, complete, places
from rugtui.errors import SettingError
from rugtui.settings.fields import Declared, fields_of
from rugtui.settings.preferences import Preferences
from rugtui.settings.settings import Settings
from rugtui.tui.keymap import remapped
from rugtui.tui.keys import Keymap

TABLES = ("settings", "preferences", "keys")
MOST = 65_536
"""Bytes of a file that is read: the whole template takes a fifth of it."""
AT = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
Kind = TypeVar("Kind", Settings, Preferences)


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and the line where it is; 0 is the file as a whole."""

    line: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Config:
    """What a user has by default."""

    path: Path
    found: bool = False
    settings: Settings = field(default_factory=Settings)
    preferences: Preferences = field(default_factory=Preferences)
    keymap: Keymap = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()

    @property
    def complaints(self) -> list[str]:
        """A line for each fault, in the order of the file, as compilers write them."""
        ordered = sorted(self.faults, key=lambda fault: fault.line)
        return [f"{self.path}:{fault.line or 1}: {fault.sentence}" for fault in ordered]

    def complain(self) -> Config:
        """Say on standard error what is wrong."""
        for complaint in self.complaints:
            click.echo(f"rugtui: {complaint}", err=True)
        return self


def config_path() -> Path:
    """Where this user's config file is, or would be."""
    return Path(platformdirs.user_config_dir("rugtui", appauthor=False)) / "config.toml"


def read_config(path: Path | None = None) -> Config:
    """The config file as far as it is right. Never raises for what is in it."""
    path = path or config_path()
    try:
        if not os.path.lexists(path):
            return Config(path)
        if not path.is_file():
            return Config(path, True, faults=(Fault(0, "this is no file: nothing of it counts"),))
        with path.open("rb") as file:
            content = file.read(MOST + 1)
    except OSError as error:
        return Config(path, True, faults=(Fault(0, f"it cannot be read: {error.strerror}"),))
    return understood(path, content)


def understood(path: Path, content: bytes) -> Config:
    """What the content of the file at `path` says."""
    if len(content) > MOST:
        return Config(path, True, faults=(Fault(0, f"it has more than {MOST:,} bytes"),))
    try:
        text = content.decode("utf-8-sig")  # some editors begin files with a mark
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return Config(path, True, faults=(Fault(line, "this is not UTF-8: nothing counts"),))
    text, faults = _as_far_as_it_is_toml(text)
    document = tomllib.loads(text)
    said = _strange_tables(document)

    def table(name: str) -> dict[str, Any]:
        found = document.get(name)
        return found if isinstance(found, dict) else {}

    settings = _declared(Settings, table("settings"), said, "settings")
    preferences = _declared(Preferences, table("preferences"), said, "preferences")
    keymap, clashes = remapped(table("keys"))
    said |= {("keys", key): sentence for key, sentence in clashes.items()}
    lines = places(text) if said else {}
    faults += [
        Fault(lines.get(place, lines.get(place[:1], 0)), sentence)
        for place, sentence in said.items()
    ]
    return Config(path, True, settings, preferences, keymap, tuple(faults))


def _as_far_as_it_is_toml(text: str) -> tuple[str, list[Fault]]:
    """The text, or its whole statements before the first that is none."""
    try:
        tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        at = AT.search(str(error))
        line = int(at[1]) if at and at[1] else None
        good, end = complete(text, line)
        why = AT.sub("", str(error)) if isinstance(error, ValueError) else "nested too deeply"
        why = why[:1].lower() + why[1:]
        sentence = f"this is not TOML ({why}): it and all below it is passed over"
        return good, [Fault(line or end, sentence)]
    return text, []


def _strange_tables(document: Mapping[str, Any]) -> dict[Place, str]:
    said: dict[Place, str] = {}
    for name, value in document.items():
        if name not in TABLES:
            known = ", ".join(f"[{one}]" for one in TABLES)
            said[(name,)] = f"{name!r} is none of the tables {known}"
        elif not isinstance(value, dict):
            said[(name,)] = f"{name} must be a table, written [{name}]"
    return said


def _declared(
    kind: type[Kind], wanted: Mapping[str, Any], said: dict[Place, str], table: str
) -> Kind:
    """Settings or preferences with what is right of `wanted`; what is not is `said`."""
    values: dict[str, Any] = {}
    for name, value in wanted.items():
        declared = fields_of(kind).get(name)
        try:
            if declared is None:
                said[table, name] = _unknown(kind, name)
            else:
                values[name] = _value(declared, value)
        except SettingError as error:
            said[table, name] = str(error)
    while True:
        try:
            return kind(**values)
        except SettingError as error:  # each value alone may be, together they cannot
            blamed = error.name if error.name in values else _blamed(kind, values)
            said[table, blamed] = str(error)
            del values[blamed]


def _value(declared: Declared, value: object) -> Any:
    """A TOML value as one of this field. Raises SettingError."""
    kinds = (str,) if declared.kind is str else (str, bool, int, float)
    if not isinstance(value, kinds):
        raise SettingError(declared.name, wanted_in_toml(declared), value)
    try:
        return declared.parse(str(value))
    except SettingError:
        if declared.kind is bool:
            raise SettingError(declared.name, wanted_in_toml(declared), repr(value)) from None
        raise


def wanted_in_toml(declared: Declared) -> str:
    """A phrase for the values that pass, in TOML's words."""
    return "true or false" if declared.kind is bool else declared.wanted


def _unknown(kind: type, name: str) -> str:
    what = "setting" if kind is Settings else "preference"
    near = get_close_matches(name, fields_of(kind), n=1)
    hint = f"did you mean {near[0]}?" if near else "`rugtui doctor --template` lists them"
    return f"no {what} is called {name!r}; {hint}"


def _blamed(kind: type[Kind], values: Mapping[str, Any]) -> str:
    """The value without which the others can be; else the last."""
    for name in values:
        try:
            kind(**{other: value for other, value in values.items() if other != name})
        except SettingError:
            continue
        return name
    return list(values)[-1]
