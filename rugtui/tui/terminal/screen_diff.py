"""Keeps track of what the terminal shows and what it should show, and sends only the difference.

Textual writes every region that a widget marks, even if it has not changed (five times when a sheet
opens), and sets both colours for every piece of text: a page of help takes 50 KiB, seconds over a
slow link. Here its output is drawn on a screen in memory, and the terminal gets the cells that
differ from what was sent before. Rows that cannot be sent yet wait, and are sent in their newest
state.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from rich.cells import cell_len

from rugtui.tui.terminal.ansi import PLAIN, parted, recoloured

TOKEN = re.compile(
    r"\x1b\[(?P<row>\d+);(?P<column>\d+)H|\x1b\[(?P<codes>[\d;]*)m|(?P<newline>\n)"
    r"|(?P<text>[^\x00-\x1f\x7f-\x9f]+)"
)
HARMLESS = re.compile(r"(?:\x1b\[\?(?!47|104[79])[\d;]+(?:[hl]|\$p)|\x1b\][^\x1b\x07]*\x07|\x07)*")
"""Sequences that draw nothing: modes except the alternate screen, queries, titles, clipboard,
bell."""
GAP = 4
"""Up to so many unchanged cells are sent again, because moving the cursor over them costs more."""
BLANKS = 10
"""Longer runs of blanks are erased instead of sent."""
WORDS = 256
"""A row of text takes at most so many characters; a row of a picture takes more."""
PICTURES = "▀▄"
"""The characters of heatmaps."""
PATIENCE = 0.2
"""A row that has waited so many seconds counts as half as expensive as a new one."""


class Cell(NamedTuple):
    codes: str
    """The codes that set its colours and attributes, starting from plain."""
    character: str
    """Empty in the second half of a wide character."""


class ScreenDiff:
    """A screen of cells: `write` takes what should be shown, `flush` gives what has to be sent."""

    def __init__(
        self, *, erases: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`erases`: whether the terminal erases with the current background colour."""
        self._erases, self._clock = erases, clock
        self._columns = 0
        self._wanted: list[list[Cell | None]] = []
        self._shown: list[list[Cell | None]] = []
        self._pending: dict[int, float] = {}
        """Rows in which cells may differ, and since when."""
        self._differences_of: dict[int, str] = {}
        """What has to be sent for a row, where it was computed since the row last changed."""
        self.cursor = ""
        """The control sequence that moves the cursor to its place."""

    def resize(self, columns: int, rows: int) -> None:
        """The terminal has this size; if that is new, its content is unknown."""
        if (columns, rows) != (self._columns, len(self._wanted)):
            self._columns = columns
            self.clear(rows)

    def clear(self, rows: int | None = None) -> None:
        """Forget everything: the size has changed, or the screen was switched."""
        count = len(self._wanted) if rows is None else rows
        self._wanted = [[None] * self._columns for _ in range(count)]
        self._pending.clear()
        self.invalidate()

    def invalidate(self) -> None:
        """Something else may have written to the terminal: send everything again."""
        self._shown = [[None] * self._columns for _ in self._wanted]
        for y in range(len(self._wanted)):
            self._mark_pending(y)

    def write(self, data: str) -> bool:
        """Draw what Textual writes; returns False if it is not understood.

        What is outside the terminal is ignored: it would appear at its edge.
        """
        tokens = list(TOKEN.finditer(data))
        if sum(token.end() - token.start() for token in tokens) != len(data):
            return False
        x = y = -1  # unknown before the first move and after a newline
        codes = ""
        for token in tokens:
            kind = token.lastgroup
            if kind == "column":
                y, x = int(token["row"]) - 1, int(token["column"]) - 1
                self.cursor = token[0]
            elif kind == "codes":
                codes = combined(codes, token["codes"])
            elif kind == "newline":
                x = -1
            elif x < 0:
                return False
            else:
                cells = cells_of(token["text"], codes)
                if y < len(self._wanted):
                    self._put(y, x, cells)
                x += len(cells)
        return True

    def _put(self, y: int, x: int, cells: list[Cell]) -> None:
        """Replace cells; the remaining half of a wide character becomes a blank."""
        row = self._wanted[y]
        end = min(x + len(cells), self._columns)
        if end <= x:
            return
        piece = cells[: end - x]
        if row[x:end] == piece:
            return
        if x and (head := row[x]) and not head.character:
            row[x - 1] = Cell(head.codes, " ")
        if end < self._columns and (tail := row[end]) and not tail.character:
            row[end] = Cell(tail.codes, " ")
        row[x:end] = piece
        if end < x + len(cells) and not cells[end - x].character:
            row[end - 1] = Cell(cells[end - x].codes, " ")
        self._mark_pending(y)

    def _mark_pending(self, y: int) -> None:
        self._pending.setdefault(y, self._clock())
        self._differences_of.pop(y, None)

    @property
    def dirty(self) -> bool:
        """Whether the terminal does not show what it should."""
        return bool(self._pending)

    def key_pressed(self) -> None:
        """A key was pressed: no row has waited longer than others from now on."""
        self._pending = dict.fromkeys(self._pending, self._clock())

    def flush(self, room: float) -> str:
        """What to send now, about `room` bytes. Rows of text, which are cheap, before pictures; a
        row that has waited long comes first."""
        for y in list(self._pending):
            if not self._differences(y):
                self._mark_sent(y)
        if not self._pending or room <= 0:
            return ""
        now, sent = self._clock(), list[str]()
        for y in sorted(self._pending):  # a Frame's numbers together, before its pictures
            if room <= 0:
                break
            if self._has_picture(y) and (text := self._text_differences(y)):
                sent.append(text)
                room -= len(text.encode())
        for y in sorted(self._pending, key=lambda y: (self._price(y, now), y)):
            if room <= 0 and sent:
                break
            text = self._differences(y)
            sent.append(text)
            self._mark_sent(y)
            room -= len(text.encode())
        return "".join(sent)

    def _has_picture(self, y: int) -> bool:
        """Whether most of what has to be sent for the row is a picture."""
        wanted = any(cell and cell.character in PICTURES for cell in self._wanted[y])
        return wanted and len(self._differences(y)) > WORDS

    def _price(self, y: int, now: float) -> int:
        """A rank by powers of two, so that rows of similar cost are sent from top to bottom."""
        cost = max(len(self._differences(y)), WORDS)
        return round(math.log2(cost / (PATIENCE + now - self._pending[y])))

    def _mark_sent(self, y: int) -> None:
        """Note that the terminal will show the row."""
        self._shown[y] = list(self._wanted[y])
        del self._pending[y], self._differences_of[y]

    def _differences(self, y: int) -> str:
        """What has to be sent for row `y`, starting and ending plain; empty if nothing."""
        if y not in self._differences_of:
            self._differences_of[y] = self._encoded(y)
        return self._differences_of[y]

    def _text_differences(self, y: int) -> str:
        """What has to be sent for the cells of a row outside pictures."""
        row = [None if cell and cell.character in PICTURES else cell for cell in self._wanted[y]]
        found = list(spans(row, self._shown[y]))
        text = self._encoded(y, found)
        for first, last in found:
            self._shown[y][first:last] = self._wanted[y][first:last]
        self._differences_of.pop(y)
        return text

    def _encoded(self, y: int, found: list[tuple[int, int]] | None = None) -> str:
        row, parts, codes = self._wanted[y], list[str](), ""
        for first, last in spans(row, self._shown[y]) if found is None else found:
            parts.append(f"\x1b[{first + 1}G" if parts else f"\x1b[{y + 1};{first + 1}H")
            for cell, count in alike(row[first:last]):
                if cell.codes != codes:
                    parts.append(recoloured(codes, cell.codes))
                    codes = cell.codes
                if count > BLANKS and cell.character == " " and self._erasable(codes):
                    parts.append(f"\x1b[{count}X\x1b[{count}C")
                else:
                    parts.append(cell.character * count)
        return "".join(parts) + (PLAIN if codes else "")

    def _erasable(self, codes: str) -> bool:
        """Whether erased cells look like blanks with these codes."""
        look = parted(codes)
        return not look.attributes and (self._erases or not look.paper)


@lru_cache(maxsize=4096)
def combined(before: str, codes: str) -> str:
    """The codes equal to `before` followed by `codes`."""
    if codes.lstrip("0") == "" or codes.startswith("0;"):
        return codes.removeprefix("0").removeprefix(";")
    return f"{before};{codes}" if before else codes


def cells_of(text: str, codes: str) -> list[Cell]:
    """The cells of a text, including characters of no or two columns."""
    if text.isascii() or all(cell_len(character) == 1 for character in set(text)):
        return [Cell(codes, character) for character in text]
    found: list[Cell] = []
    for character in text:
        if columns := cell_len(character):
            found += [Cell(codes, character), *[Cell(codes, "")] * (columns - 1)]
        elif found:  # it combines with what is before it
            last = next(k for k in range(len(found) - 1, -1, -1) if found[k].character)
            found[last] = Cell(codes, found[last].character + character)
    return found


def alike(cells: list[Cell | None]) -> Iterator[tuple[Cell, int]]:
    """Runs of equal cells, with their lengths."""
    for cell, same in groupby(cells):
        if cell is not None:
            yield cell, sum(1 for _ in same)


def spans(wanted: list[Cell | None], shown: list[Cell | None]) -> Iterator[tuple[int, int]]:
    """Ranges first … last − 1 of columns that differ; those close together are joined."""
    first = last = -1
    for x, cell in enumerate(wanted):
        if cell is None or cell == shown[x]:
            continue
        if first >= 0 and (x - last > GAP or None in wanted[last:x]):
            yield whole_characters(wanted, first, last)
            first = -1
        first, last = x if first < 0 else first, x + 1
    if first >= 0:
        yield whole_characters(wanted, first, last)


def whole_characters(row: list[Cell | None], first: int, last: int) -> tuple[int, int]:
    """The same range, extended to whole wide characters."""
    while first and (cell := row[first]) and not cell.character:
        first -= 1
    while last < len(row) and (cell := row[last]) and not cell.character:
        last += 1
    return first, last
