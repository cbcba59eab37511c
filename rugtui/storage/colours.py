"""The colours of a picture of W, as values that whoever draws may hand over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

RGB = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Colours:
    """What levels look like: `ramp` from the negative end over zero to the positive one."""

    ramp: Sequence[RGB]
    diagonal: RGB
    """A diagonal beyond the ramp."""
    paper: RGB
    ink: RGB

    @property
    def all(self) -> list[RGB]:
        return [*self.ramp, self.diagonal, self.paper, self.ink]
