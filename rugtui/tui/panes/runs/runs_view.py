"""How the user looks at the other runs: which are shown, what they are called, which to compare."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from rugtui.live.frame import Frame
from rugtui.live.other_run import OtherRun
from rugtui.settings.settings import Settings, fields


@dataclass(frozen=True, slots=True)
class RunsView:
    """Keys are those of the runs; "" is the live one."""

    hidden: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Names that the user gave."""
    reference: str = ""
    """The run that the others are compared with; empty where there is none."""

    def toggled(self, key: str) -> RunsView:
        """With this run hidden, or shown again."""
        return dataclasses.replace(self, hidden=self.hidden ^ {key})

    def named(self, key: str, name: str) -> RunsView:
        """With another name for a run; an empty one gives it its own back."""
        names = {k: v for k, v in self.names.items() if k != key}
        if name.strip():
            names[key] = " ".join(name.split())
        return dataclasses.replace(self, names=MappingProxyType(names))

    def compared(self, key: str) -> RunsView:
        """With this run as the one to compare with, and shown; or with none, if it was the one."""
        reference = "" if key == self.reference else key
        return dataclasses.replace(self, reference=reference, hidden=self.hidden - {reference})

    def shown(self, frame: Frame) -> list[OtherRun]:
        """The runs that are not hidden, the one to compare with last: it is drawn over them."""
        seen = [run for run in frame.others if run.key not in self.hidden]
        return sorted(seen, key=lambda run: run.key == self.reference)

    def legend(self, run: OtherRun, live: Settings) -> str:
        """A run in few letters: the name it was given, else what it has that the live one has not,
        else its letter alone."""
        said = self.names.get(run.key) or ", ".join(differences(run.settings, live))
        return f"{run.letter} {said}".rstrip()


def differences(settings: Settings, other: Settings) -> list[str]:
    """The settings of the first that the second has otherwise, as people write them."""
    return [
        f"{one.name} {one.write(getattr(settings, one.name))}"
        for one in fields()
        if getattr(settings, one.name) != getattr(other, one.name)
    ]
