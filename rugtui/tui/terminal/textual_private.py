"""The parts of Textual that it does not promise, each with a public way to do without.

Textual's own thread for input ends the program at the first byte that is not UTF-8 and at numbers
in escape sequences that are no character's. Its parser of key sequences is private; where a newer
Textual has it no longer, its thread is used and begun anew after such bytes, which loses only what
came together with them.
"""

from __future__ import annotations

import codecs
import os
import select
import threading
from collections.abc import Callable
from typing import Any

from textual import events
from textual.message import Message
from textual.screen import Screen

WAKE_SECONDS = 0.1
"""How often the thread for input looks whether it should end."""
JUNK = (ValueError, OverflowError)
"""What Textual's parser raises for sequences that no terminal sends."""


def read_input(
    descriptor: int,
    encoding: str,
    ended: threading.Event,
    handle: Callable[[Message], None],
    textuals_own: Callable[[], None],
) -> None:
    """Read keys until `ended` is set, and pass each to `handle`. What is not a key is ignored.

    `textuals_own` does the same, less patiently, where the parser is missing.
    """
    parser = new_parser()
    if parser is None:
        while not ended.is_set():
            try:
                textuals_own()
            except JUNK:
                continue
        return
    decode = codecs.getincrementaldecoder(encoding)("ignore").decode
    while not ended.is_set():
        ready = select.select([descriptor], [], [], WAKE_SECONDS)[0]
        try:
            data = os.read(descriptor, 4096) if ready else b""
        except OSError:
            data = b""
        if ready and not data:  # the terminal is gone
            ended.wait()
            return
        for character in decode(data):  # one by one: of junk only the sequence itself is lost
            try:
                for message in parser.feed(character):
                    if is_sound(message):
                        handle(message)
            except JUNK:
                parser = new_parser(parser)
        for message in parser.tick():
            handle(message)


def is_sound(message: Message) -> bool:
    """Whether a key's character is one that can be written: halves of surrogate pairs cannot."""
    if not isinstance(message, events.Key) or message.character is None:
        return True
    return not any("\ud800" <= one <= "\udfff" for one in message.character)


def new_parser(broken: Any = None) -> Any:
    """Textual's parser of key sequences, None where there is none.

    It cannot go on after it raised; its successor knows what it knew of the mouse.
    """
    try:
        from textual._xterm_parser import XTermParser
    except ImportError:
        return None
    parser = XTermParser()
    if broken is not None:
        for name in ("last_x", "last_y", "mouse_pixels", "terminal_size", "terminal_pixel_size"):
            setattr(parser, name, getattr(broken, name))
    return parser


def screen_text(screen: Screen[Any]) -> list[str]:
    """What a screen shows, row by row; nothing where Textual does not say."""
    try:
        strips = screen._compositor.render_strips()
    except AttributeError:
        return []
    return [strip.text for strip in strips]


def release_drawn() -> None:
    """Let go of what widgets that are gone have drawn.

    Textual 8 keeps the rows of the last 1,024 widgets in a cache of its own (its issue 6665): each
    sheet that was opened and closed left thousands of objects, and a garbage collection, in which
    all threads wait, took 0.2 s after thirty of them. Where Textual has no such cache, nothing is
    done.
    """
    try:
        from textual._styles_cache import StylesCache

        StylesCache.get_inner_outer.cache_clear()
    except (ImportError, AttributeError):
        return
