"""The terminal: the characters that it cannot show, and what to do once it is gone."""

from __future__ import annotations

import codecs
import os
import re
import select
import signal
import stat
import sys
import threading
from collections.abc import Mapping
from typing import TextIO

SUBSTITUTE = "rugtui-substitute"
"""The name of the error handler that `substitute_missing` registers."""


def printable(text: str) -> str:
    """The text on one line, with control characters, escape sequences and bidirectional marks,
    which terminals would obey, written out."""
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def lacks_unicode(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether braille and blocks cannot be shown, according to the locale.

    The C locale has none, though Python writes UTF-8 in it. With no locale set at all, as in most
    containers, terminals do show them.
    """
    if not _is_unicode(sys.__stdout__):
        return True
    set_to = (environment.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    locale = next(filter(None, set_to), "")
    if locale == "C.UTF-8" and not environment.get("LC_ALL") and not _began_with("LC_CTYPE"):
        locale = environment.get("LANG", "")  # Python itself has set LC_CTYPE
    return locale in ("C", "POSIX")


def _began_with(name: str) -> bool:
    """Whether the environment had this variable when the process began; True if unknown."""
    try:
        with open("/proc/self/environ", "rb") as file:
            return any(re.match(f"{name}=.".encode(), one) for one in file.read().split(b"\0"))
    except OSError:
        return True


def _is_unicode(stream: object) -> bool:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return codecs.lookup(encoding).name.startswith("utf")


def substitute_missing() -> None:
    """Make standard output and error print similar ASCII for characters that their encoding lacks,
    and file names that are not text as their bytes."""
    codecs.register_error(SUBSTITUTE, _substitute)
    for stream in (sys.stdout, sys.stderr):
        if reconfigure := getattr(stream, "reconfigure", None):
            reconfigure(errors=SUBSTITUTE)


def _substitute(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    first = error.object[error.start]
    if "\udc80" <= first <= "\udcff":  # a byte of a file name
        return bytes([ord(first) - 0xDC00]), error.start + 1
    if "\ud800" <= first <= "\udfff":
        return "?", error.start + 1
    return in_ascii(first) or "?", error.start + 1


SIMILAR = {
    "-": "─━═▔▁┈╌▀▄⎯–—−‐‑·", "|": "│┃║▏▕▌▐┆╎▎▍▊▉▋", "+": "╭╮╰╯┌┐└┘├┤┬┴┼†", "#": "█▓▇▆▅",
    ":": "▒░▃▂", "'": "‘’", '"': "“”", "<": "≤‹←", ">": "≥›→", "~": "≈±…", "x": "×", "/": "÷",
    "*": "•", "o": "●", "=": "≡", "@": "◆", "^": "↑▲", "v": "↓▼ν", "V": "√", "8": "∞", "2": "²½",
    "3": "³", "T": "ᵀ", "a": "α", "b": "β", "m": "μ", "s": "σ", "S": "Σ", "p": "π",
    " ": "\N{NO-BREAK SPACE}",
}  # fmt: skip
IN_ASCII = {ord(one): like for like, many in SIMILAR.items() for one in many}
"""Substitutes of the same width; a character that is not here becomes a question mark."""
CONSOLE = "─│┌┐└┘├┤┬┴┼▀▄█▌▐░▒▓≡·±×²³"
"""What fonts of Linux's own console have beyond ASCII: no braille, round corners or eighths of
blocks."""
_CORNERS = str.maketrans("╭╮╰╯", "┌┐└┘")
_LIKE_ON_CONSOLE = {key: value for key, value in IN_ASCII.items() if chr(key) not in CONSOLE}


def on_console(text: str) -> str:
    """The text in characters of Linux's console, in as many cells."""
    if text.isascii():
        return text
    text = text.translate(_CORNERS).translate(_LIKE_ON_CONSOLE)
    return "".join(one if one in CONSOLE else in_ascii(one) for one in text)


def in_ascii(text: str) -> str:
    """The text in as many ASCII characters as it has cells.

    ± becomes +- where a space beside it can be dropped: ~ alone would be read as "about".
    """
    if text.isascii():
        return text
    text = text.replace("± ", "+-").replace(" ±", "+-").translate(IN_ASCII)
    from rich.cells import cell_len  # rarely needed: a slow import

    return "".join(one if one.isascii() else "?" * cell_len(one) for one in text)


def silence() -> None:
    """Discard further output to a terminal that is gone; writing to it would fail.

    Output to a file or a pipe is kept.
    """
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        try:
            goes_to_terminal = stat.S_ISCHR(os.fstat(descriptor).st_mode)
        except OSError:  # closed
            goes_to_terminal = True
        if goes_to_terminal:
            os.dup2(nowhere, descriptor)
    os.close(nowhere)


def watch_for_hangup(descriptor: int) -> None:
    """Send this process a SIGHUP when the terminal of `descriptor` is closed.

    The kernel sends one only to session leaders, and a shell only to jobs that were not disowned.
    """
    poll = select.poll()
    poll.register(descriptor, 0)  # hang-ups are always reported; input is not waited for

    def wait() -> None:
        poll.poll()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGHUP)

    threading.Thread(target=wait, name="hangup", daemon=True).start()


class ResilientOutput:
    """A text stream that discards its output, without an error, once its reader is gone."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self.encoding = self._stream.encoding
        self.isatty, self.fileno = self._stream.isatty, self._stream.fileno

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except OSError:
            self._close()
            return len(text)

    def flush(self) -> None:
        try:
            self._stream.flush()
        except OSError:
            self._close()

    def _close(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
