"""The manual: chapters in Markdown, and the words that they define.

For `rugtui help TOPIC`, and for the dashboard.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources

from rugtui.analysis.glossary import LOSSES, SYMMETRY
from rugtui.errors import UsageError
from rugtui.vocabulary import NAMES, markdown

ENTRY = re.compile(r"^\*\*(.+?)\*\* – (.+?)(?=\n\n|\Z)", re.M | re.S)
"""An entry of the glossary: its words, and what they mean."""
SEPARATOR = re.compile(r", (?![^(]*\))")
"""Between the words of an entry; not the comma in L*(r, p)."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter, and the word that opens it."""

    topic: str
    about: str

    @property
    def text(self) -> str:
        """Its Markdown."""
        package, name = ("theory", "README") if self.topic == "theory" else ("manual", self.topic)
        path = resources.files(f"rugtui.{package}") / f"{name}.md"
        text = path.read_text(encoding="utf-8")
        return text.replace("<!-- names -->", markdown()).replace("<!-- rows -->", _row_table())


CHAPTERS = (
    Chapter("model", "The model and the paper in two pages"),
    Chapter("theory", "Every formula, its derivation, and the test that checks it"),
    Chapter("panes", "Reading the panes of the dashboard"),
    Chapter("experiments", "Eight experiments to try"),
    Chapter("ssh", "SSH, tmux and slow links"),
    Chapter("python", "Scripting and Python"),
    Chapter("files", "Files, formats, and the names of numbers"),
    Chapter("sweeps", "Sweeps, on one machine and on clusters"),
    Chapter("troubleshooting", "Symptoms, causes and fixes"),
    Chapter("glossary", "The words that have a meaning of their own here"),
)


def chapter(topic: str) -> Chapter:
    """The chapter of this topic, or the only one that begins with it. Raises UsageError."""
    chapters = [one for one in CHAPTERS if one.topic.startswith(topic.lower())] if topic else []
    if len(chapters) != 1:
        known = ", ".join(one.topic for one in CHAPTERS)
        raise UsageError(
            f"the manual has no topic {topic!r}, and the glossary no such word; topics are {known}."
        )
    return chapters[0]


def definitions(word: str) -> dict[str, str]:
    """The glossary's, the panes' and JSON's entries of this name, apart from case and punctuation;
    if there are none, those that begin with it."""
    text = chapter("glossary").text
    entries = {name.replace("\\", ""): meaning for name, meaning in ENTRY.findall(text)}
    entries |= {name: about for name, about in _pane_rows().items() if name not in entries}
    entries |= {f"{name} (JSON)": one.meaning for name, one in NAMES.items()}
    wanted = _letters(word)
    names = {
        entry: [_letters(name) for name in (entry, *SEPARATOR.split(entry))] for entry in entries
    }
    exact = [entry for entry in entries if wanted in names[entry]]
    begun = [entry for entry in entries if any(one.startswith(wanted) for one in names[entry])]
    return {entry: entries[entry] for entry in exact or begun} if wanted else {}


def _pane_rows() -> dict[str, str]:
    """The rows of panes 3 and 4, and what they mean."""
    rows: dict[str, str] = {}
    for one in (*LOSSES.values(), *SYMMETRY.values()):
        rows.setdefault(one.name, one.about)
    return rows


def _row_table() -> str:
    rows = {name: about.replace("|", "\\|") for name, about in _pane_rows().items()}
    cells = (f"| {name} | {about} |" for name, about in rows.items())
    return "\n".join(["| row | meaning |", "| --- | --- |", *cells])


def _letters(name: str) -> str:
    return re.sub(r" \(json\)|\(w\)|\(r, p\)|\W|_", "", name.lower())
