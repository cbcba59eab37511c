"""Names of keys: Textual's (`question_mark`) and characters (`?`). The config file accepts both."""

from __future__ import annotations

import re
import unicodedata

SHORT = {
    "plus": "+",
    "minus": "-",
    "slash": "/",
    "backslash": "\\",
    "at": "@",
    "underscore": "_",
    "less_than_sign": "<",
    "greater_than_sign": ">",
}
"""Characters whose name in Textual is not that of Unicode."""
SHORT_NAMES = {character: name for name, character in SHORT.items()}
NAMED = re.compile(
    r"up|down|left|right|home|end|pageup|pagedown|insert|delete|backspace|enter|tab|escape|space"
    r"|f([1-9]|1\d|2[0-4])"
)
MODIFIED = re.compile(r"((?:(?:ctrl|alt|shift)\+)*)(.+)", re.DOTALL)
WANTED = "a key such as x, X, ?, f5, pageup, ctrl+s or shift+up, or several with commas"


def key_name(text: str) -> str:
    """Textual's name of a key that a user typed; empty if it is not a key."""
    match = MODIFIED.fullmatch(text.strip() or text)
    if not match:
        return ""
    modifiers, key = match.groups()
    if modifiers == "shift+" and len(key) == 1 and key.isalpha():
        modifiers, key = "", key.upper()
    name = _character_name(key) if len(key) == 1 else key if _is_name(key) else ""
    return modifiers + name if name else ""


def key_names(text: str) -> str:
    """Textual's names of one key or several with commas; empty if any of them is not a key."""
    if one := key_name(text):
        return one
    names = [key_name(part) for part in text.split(",")]
    return ",".join(names) if all(names) else ""


def shown(name: str) -> str:
    """The key for display: its character, otherwise its name."""
    match = MODIFIED.fullmatch(name)
    modifiers, key = match.groups() if match else ("", name)
    return modifiers + (_character(key) or key)


def _is_name(key: str) -> bool:
    return bool(NAMED.fullmatch(key)) or (_character(key).isascii() and bool(_character(key)))


def _character(name: str) -> str:
    """The character with this name; empty for a key without one."""
    if name in SHORT or len(name) == 1:
        return SHORT.get(name, name)
    try:
        character = unicodedata.lookup(name.replace("_", " "))
    except KeyError:
        return ""
    return character if character.isprintable() and not character.isspace() else ""


def _character_name(character: str) -> str:
    if character.isalnum():
        return character
    if character == " ":
        return "space"
    if not character.isprintable():
        return ""
    name = unicodedata.name(character, "").lower().replace("-", "_").replace(" ", "_")
    return SHORT_NAMES.get(character, name)
