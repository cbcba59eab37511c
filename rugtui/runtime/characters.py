"""Characters on terminals, and in encodings, that do not have all of them."""

from __future__ import annotations

import codecs
import os
import re
import sys
from collections.abc import Mapping

SPARE = "rugtui-spare"
"""The name under which `spell_out_what_is_missing` registers what is done with the others."""


def printable(text: str) -> str:
    """The text on one line, with what terminals obey or reorder (control characters, escape
    sequences, bidirectional marks) written out."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def lacks_unicode(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether braille and blocks cannot be shown, as far as the locale says.

    That is so for the C locale, too, though Python then writes UTF-8. Where no locale is set at
    all, as in most containers, terminals do show them.
    """
    if not _is_unicode(sys.__stdout__):
        return True
    set_to = (environment.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    locale = next(filter(None, set_to), "")
    if locale == "C.UTF-8" and not environment.get("LC_ALL") and not _began_with("LC_CTYPE"):
        locale = environment.get("LANG", "")  # Python itself has set LC_CTYPE
    return locale in ("C", "POSIX")


def _began_with(name: str) -> bool:
    """Whether the environment had this variable when the process began, where that is known."""
    try:
        with open("/proc/self/environ", "rb") as file:
            return any(re.match(f"{name}=.".encode(), one) for one in file.read().split(b"\0"))
    except OSError:
        return True


def _is_unicode(stream: object) -> bool:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return codecs.lookup(encoding).name.startswith("utf")


def spell_out_what_is_missing() -> None:
    """Have standard output and error print, for characters that their encoding does not have,
    others that look like them. File names that are not text are printed as the bytes they are."""
    codecs.register_error(SPARE, _spare)
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors=SPARE)


def _spare(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    first = error.object[error.start]
    if "\udc80" <= first <= "\udcff":  # a byte of a file name
        return bytes([ord(first) - 0xDC00]), error.start + 1
    if "\ud800" <= first <= "\udfff":
        return "?", error.start + 1
    return in_ascii(first) or "?", error.start + 1


LIKE_IT = str.maketrans(
    {
        **dict.fromkeys("─━═▔▁┈╌▀▄⎯", "-"),
        **dict.fromkeys("│┃║▏▕▌▐┆╎▎▍▊▉▋", "|"),
        **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼", "+"),
        **dict.fromkeys("█▓▇▆▅", "#"),
        **dict.fromkeys("▒░▃▂", ":"),
        **dict.fromkeys("–—−‐‑", "-"),
        **dict.fromkeys("‘’", "'"),
        **dict.fromkeys("“”", '"'),
        **dict.fromkeys("≤‹←", "<"),
        **dict.fromkeys("≥›→", ">"),
        "≈": "~",
        "±": "~",
        "…": "~",
        "×": "x",
        "÷": "/",
        "·": "-",
        "•": "*",
        "●": "o",
        "≡": "=",
        "◆": "@",
        **dict.fromkeys("↑▲", "^"),
        **dict.fromkeys("↓▼", "v"),
        "√": "V",
        "∞": "8",
        "²": "2",
        "³": "3",
        "½": "2",
        "ᵀ": "T",
        "α": "a",
        "β": "b",
        "μ": "m",
        "ν": "v",
        "σ": "s",
        "Σ": "S",
        "π": "p",
        "†": "+",
        "\N{NO-BREAK SPACE}": " ",
    }
)
"""Of the same width; what is not here becomes a question mark."""


CONSOLE = "─│┌┐└┘├┤┬┴┼▀▄█▌▐░▒▓≡·±×²³"
"""Beyond ASCII what fonts of Linux's own console have: of a few hundred characters none is braille,
a round corner or an eighth of a block."""
_CORNERS = str.maketrans("╭╮╰╯", "┌┐└┘")
_LIKE_ON_CONSOLE = {key: value for key, value in LIKE_IT.items() if chr(key) not in CONSOLE}


def on_console(text: str) -> str:
    """The text in as many cells, of characters that Linux's console has."""
    if text.isascii():
        return text
    text = text.translate(_CORNERS).translate(_LIKE_ON_CONSOLE)
    return "".join(one if one in CONSOLE else in_ascii(one) for one in text)


def in_ascii(text: str) -> str:
    """The text in as many ASCII characters as it takes cells.

    ± is two characters where a space beside it can be spared: ~ alone would be read as "about".
    """
    if text.isascii():
        return text
    text = text.replace("± ", "+-").replace(" ±", "+-").translate(LIKE_IT)
    from rich.cells import cell_len  # what needs it draws with Rich in any case

    return "".join(one if one.isascii() else "?" * cell_len(one) for one in text)
