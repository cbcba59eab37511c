"""The config file: a user's own defaults, and the template for it.

A file that is not TOML is ignored, and so is a single wrong value: errors are reported as
`FILE:LINE: sentence`, and the program continues. Names and values are those of the declared
settings and of the key table.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import textwrap
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import click

from rugtui.cli.options import given_fields
from rugtui.errors import SettingError, UsageError
from rugtui.settings.fields import AUTO, Declared, fields_of
from rugtui.settings.preferences import Preferences
from rugtui.settings.settings import Settings
from rugtui.storage.files import config_folder
from rugtui.tui.keys import Keymap
from rugtui.tui.remapping import remapped

TABLES = ("settings", "preferences", "keys")
MAX_BYTES = 65_536
"""Largest file that is read; the whole template takes a fifth of this."""
AT = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
"""How tomllib ends its messages."""
HEADER = re.compile(r"\s*\[+\s*([^\[\]]+?)\s*\]")
ASSIGNMENT = re.compile(r"""\s*["']?([\w-]+)["']?(?:\s*\.\s*["']?([\w-]+)["']?)?\s*[.=]""")
Place = tuple[str, ...]
"""A table, or a table and a name in it."""
Kind = TypeVar("Kind", Settings, Preferences)


@dataclass(frozen=True, slots=True)
class Config:
    """A user's own defaults."""

    path: Path
    found: bool = False
    settings: Settings = field(default_factory=Settings)
    preferences: Preferences = field(default_factory=Preferences)
    keymap: Keymap = field(default_factory=dict)
    errors: tuple[tuple[int, str], ...] = ()
    """Line and sentence; line 0 is the file as a whole."""

    @property
    def messages(self) -> list[str]:
        """One line for each error, in the order of the file, as compilers write them."""
        ordered = sorted(self.errors, key=lambda error: error[0])
        return [f"{self.path}:{line or 1}: {sentence}" for line, sentence in ordered]

    def report(self) -> Config:
        """Print the errors on standard error; returns itself."""
        for message in self.messages:
            click.echo(f"rugtui: {message}", err=True)
        return self


def config_path() -> Path:
    """The path of this user's config file, which may not exist."""
    return config_folder() / "config.toml"


def read_config(path: Path | None = None, given: Mapping[str, Any] | None = None) -> Config:
    """The user's defaults. The content of the file never raises an error.

    Options that were `given` override the file before its settings are checked together.
    """
    try:
        path = path or config_path()
    except UsageError:  # no home directory, and so no file
        return Config(Path("config.toml"))
    try:
        if not os.path.lexists(path):
            return Config(path)
        if not path.is_file():
            return _unusable(path, "this is not a regular file")
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        return _unusable(path, f"it cannot be read: {error.strerror}")
    return parse_config(path, content, given)


def _unusable(path: Path, reason: str, line: int = 0) -> Config:
    return Config(path, True, errors=((line, f"{reason}; the file is ignored"),))


def parse_config(path: Path, content: bytes, given: Mapping[str, Any] | None = None) -> Config:
    """The content of the file at `path`, with options over it."""
    if len(content) > MAX_BYTES:
        return _unusable(path, f"it has more than {MAX_BYTES:,} bytes")
    try:
        text = content.decode("utf-8-sig")  # some editors begin files with a byte order mark
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return _unusable(path, "this is not UTF-8", line)
    try:
        document = tomllib.loads(text)
    except RecursionError:
        return _unusable(path, "this is not TOML that can be read: it is nested too deeply")
    except ValueError as error:
        at = AT.search(str(error))
        line = int(at[1]) if at and at[1] else text.count("\n") + 1
        why = AT.sub("", str(error))
        return _unusable(path, f"this is not TOML ({why[:1].lower() + why[1:]})", line)
    wrong = _wrong_tables(document)

    def table(name: str) -> dict[str, Any]:
        content = document.get(name)
        return content if isinstance(content, dict) else {}

    settings = _declared(Settings, table("settings"), wrong, "settings", given)
    preferences = _declared(Preferences, table("preferences"), wrong, "preferences")
    keymap, clashes = remapped(table("keys"))
    wrong |= {("keys", key): sentence for key, sentence in clashes.items()}
    lines = _lines(text) if wrong else {}
    errors = tuple(
        (lines.get(place, lines.get(place[:1], 0)), sentence) for place, sentence in wrong.items()
    )
    return Config(path, True, settings, preferences, keymap, errors)


def _lines(text: str) -> dict[Place, int]:
    """The first line of each table and each name, which tomllib does not report."""
    lines: dict[Place, int] = {}
    table: Place = ()
    for number, line in enumerate(text.split("\n"), 1):
        if header := HEADER.match(line):
            table = tuple(part.strip(" \"'") for part in header[1].split("."))
            lines.setdefault(table, number)
        elif assignment := ASSIGNMENT.match(line):
            place = (*table, *(part for part in assignment.groups() if part))
            for depth in range(1, len(place) + 1):
                lines.setdefault(place[:depth], number)
    return lines


def _wrong_tables(document: Mapping[str, Any]) -> dict[Place, str]:
    wrong: dict[Place, str] = {}
    for name, value in document.items():
        if name not in TABLES:
            known = ", ".join(f"[{one}]" for one in TABLES)
            wrong[(name,)] = f"{name!r} is not one of the tables {known}"
        elif not isinstance(value, dict):
            wrong[(name,)] = f"{name} must be a table, written [{name}]"
    return wrong


def _declared(
    kind: type[Kind],
    wanted: Mapping[str, Any],
    wrong: dict[Place, str],
    table: str,
    given: Mapping[str, Any] | None = None,
) -> Kind:
    """Settings or preferences with the valid values of `wanted`; the others go into `wrong`.

    If values are valid alone but not together, the whole table stays at its defaults, unless they
    are valid together with `given`.
    """
    values: dict[str, Any] = {}
    for name, value in wanted.items():
        declared = fields_of(kind).get(name)
        try:
            if declared is None:
                wrong[table, name] = _unknown(kind, name)
            else:
                values[name] = _value(declared, value)
        except SettingError as error:
            wrong[table, name] = str(error)
    over = given_fields(kind, given or {})
    if given and given.get("ratio") is not None:
        values.pop("n_dense", None)
    with contextlib.suppress(SettingError):  # the error is in the file alone, or in the options
        return kind(**_fitted(values | over))
    try:
        return kind(**_fitted(values))
    except SettingError as error:
        wrong[table, error.name] = f"{error} All of [{table}] is ignored."
        return kind()


def _fitted(values: dict[str, Any]) -> dict[str, Any]:
    """With an n_dense in the default ratio if only n_sparse is given and the default n_dense is too
    large for it."""
    usual, n_sparse = Settings(), values.get("n_sparse", sys.maxsize)
    if "n_dense" in values or n_sparse > usual.n_dense:
        return values
    return values | {"n_dense": max(round(n_sparse * usual.ratio), 1)}


def _value(declared: Declared, value: object) -> Any:
    """A TOML value as a value of this field. Raises SettingError."""
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
    """The valid values in words, as TOML writes them."""
    return "true or false" if declared.kind is bool else declared.wanted


def _unknown(kind: type, name: str) -> str:
    what = "setting" if kind is Settings else "preference"
    near = get_close_matches(name, fields_of(kind), n=1)
    hint = f"did you mean {near[0]}?" if near else "`rugtui doctor --template` lists them"
    return f"no {what} is called {name!r}; {hint}"


WIDTH = 96
ABOUT_FILE = (
    "rugtui's defaults. Remove the # from a line and change the value: a preset overrides "
    "this file, and the command line overrides both. `rugtui doctor` checks this file."
)
ABOUT_TABLES = {
    "settings": "Settings of new runs, in the dashboard and in `rugtui train`.",
    "preferences": "How the dashboard looks and how runs are saved.",
    "keys": "Keys by name. Each is {wanted}.",
}
"""Comments of the template."""


def template() -> str:
    """A config file with every setting, preference and key at its default, commented out."""
    return "\n".join(
        [*_prose(ABOUT_FILE), *_table("settings"), *_table("preferences"), *_keys(), ""]
    )


def _table(name: str) -> Iterator[str]:
    yield from ("", f"[{name}]", *_prose(ABOUT_TABLES[name]))
    for declared in fields_of(Settings if name == "settings" else Preferences).values():
        yield ""
        yield from _prose(_about(declared))
        yield f"#{declared.name} = {_written(declared.default)}"


def _keys() -> Iterator[str]:
    from rugtui.tui.keynames import WANTED, shown
    from rugtui.tui.keys import KEYS

    yield from ("", "[keys]", *_prose(ABOUT_TABLES["keys"].format(wanted=WANTED)))
    about = ""
    for key in KEYS:
        if key.about != about:
            about = key.about
            yield ""
            yield from _prose(f"{key.group}: {about}")
        keys = ",".join(shown(one) for one in key.keys.split(","))
        yield f"#{key.name} = {_written(keys)}"


def _about(declared: Declared) -> str:
    auto = f" {AUTO}: {declared.rule.auto}." if declared.rule.auto else ""
    about, wanted = declared.rule.about, wanted_in_toml(declared)
    return f"{about}{auto}" + ("" if wanted in about else f" It is {wanted}.")


def _prose(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="# ", subsequent_indent="# ")


def _written(value: Any) -> str:
    """A value as TOML writes it; JSON's strings are valid TOML."""
    return json.dumps(AUTO if value is None else value, ensure_ascii=False)
