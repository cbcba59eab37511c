"""The manual: chapters in Markdown, for `rugtui help TOPIC` and the dashboard."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

from rugtui.errors import UsageError
from rugtui.vocabulary import markdown


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter by the word that opens it."""

    topic: str
    about: str

    @property
    def text(self) -> str:
        """Its Markdown."""
        package, name = ("theory", "README") if self.topic == "theory" else ("manual", self.topic)
        path = resources.files(f"rugtui.{package}") / f"{name}.md"
        return path.read_text(encoding="utf-8").replace("<!-- names -->", markdown())


CHAPTERS = (
    Chapter("model", "The model and the paper in two pages"),
    Chapter("theory", "Every formula, its derivation, and the test that holds it"),
    Chapter("panes", "Reading the panes of the dashboard"),
    Chapter("experiments", "Seven experiments to try, and what one sees"),
    Chapter("ssh", "SSH, tmux and slow links"),
    Chapter("python", "Scripting and Python"),
    Chapter("files", "Files, formats, and the names of numbers"),
    Chapter("sweeps", "Sweeps, on one machine and on clusters"),
    Chapter("troubleshooting", "What went wrong, and what to do"),
    Chapter("glossary", "Every word that has a meaning of its own here"),
)


def chapter(topic: str) -> Chapter:
    """The chapter of this topic, which its first letters may name. Raises UsageError."""
    found = [one for one in CHAPTERS if one.topic.startswith(topic.lower())] if topic else []
    if len(found) != 1:
        known = ", ".join(one.topic for one in CHAPTERS)
        raise UsageError(f"the manual has no topic {topic!r}; topics are {known}.")
    return found[0]
