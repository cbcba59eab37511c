"""A config file in which everything that it may hold stands, commented out, as it is by default."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any

from rugtui.cli.config_file import wanted_in_toml
from rugtui.settings.fields import AUTO, Declared, fields_of
from rugtui.settings.preferences import Preferences
from rugtui.settings.settings import Settings
from rugtui.tui.keynames import WANTED, shown
from rugtui.tui.keys import KEYS

WIDTH = 96
ABOUT = (
    "What rugtui does by default. Take the # off a line and change it: a preset counts more than "
    "this file, and the command line most. `rugtui doctor` says what is wrong in it."
)
TABLES = {
    "settings": "Of new runs, in the dashboard and in `rugtui train`.",
    "preferences": "How the dashboard looks and how runs are kept.",
    "keys": f"By name. Each is {WANTED}.",
}


def template() -> str:
    """The file, made from the declared fields and the key table."""
    return "\n".join([*_prose(ABOUT), *_table("settings"), *_table("preferences"), *_keys(), ""])


def _table(name: str) -> Iterator[str]:
    yield from ("", f"[{name}]", *_prose(TABLES[name]))
    for declared in fields_of(Settings if name == "settings" else Preferences).values():
        yield ""
        yield from _prose(_about(declared))
        yield f"#{declared.name} = {_written(declared.default)}"


def _keys() -> Iterator[str]:
    yield from ("", "[keys]", *_prose(TABLES["keys"]))
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
    return f"{declared.rule.about}{auto} It is {wanted_in_toml(declared)}."


def _prose(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent="# ", subsequent_indent="# ")


def _written(value: Any) -> str:
    """A value as TOML writes it; of strings, JSON's way is one of TOML's."""
    return json.dumps(AUTO if value is None else value, ensure_ascii=False)
