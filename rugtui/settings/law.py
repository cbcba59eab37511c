"""The law of the magnitude u of a feature that is on, as users write it, and its moments."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

from rugtui.errors import SettingError

PARAMETERS = {
    "uniform": ("low", "high"),
    "normal": ("mean", "deviation"),
    "exponential": ("mean",),
    "fixed": ("value",),
    "signed": (),
}
"""The laws and what each may be given: `uniform:0.5,1.5`. `signed` is uniform on [−1, 1]."""
USUAL = {
    "uniform": (0.0, 1.0),
    "normal": (1.0, 0.25),
    "exponential": (0.5,),
    "fixed": (1.0,),
    "signed": (),
}


@dataclass(frozen=True)
class MagnitudeLaw:
    """The law of u, the size of a feature that is on; without values, its usual ones."""

    kind: str = "uniform"
    values: tuple[float, ...] = (0.0, 1.0)

    @classmethod
    def parse(cls, text: str) -> Self:
        """`KIND` or `KIND:NUMBER,…` as in PARAMETERS. Raises SettingError."""
        kind, colon, numbers = text.partition(":")
        if kind not in PARAMETERS:
            raise SettingError("magnitude", f"one of {', '.join(PARAMETERS)}", repr(text))
        values = USUAL[kind]
        if colon:
            try:
                values = tuple(float(number) for number in numbers.split(","))
            except ValueError:
                values = (math.nan,)
        law = cls(kind, values)
        wanted = law._unmet()
        if wanted:
            raise SettingError("magnitude", wanted, repr(text))
        return law

    def __str__(self) -> str:
        if self.values == USUAL[self.kind]:
            return self.kind
        return f"{self.kind}:{','.join(f'{value:g}' for value in self.values)}"

    def _unmet(self) -> str:
        """What the values of this law must be; empty if they are valid."""
        names = PARAMETERS[self.kind]
        if len(self.values) != len(names) or not all(map(math.isfinite, self.values)):
            form = f"{self.kind}:{','.join(name.upper() for name in names)}" if names else self.kind
            return f"{form} with finite numbers"
        if self.kind == "uniform" and self.values[0] >= self.values[1]:
            return "uniform:LOW,HIGH with LOW below HIGH"
        if self.kind == "normal" and self.values[1] <= 0:
            return "normal:MEAN,DEVIATION with a deviation above 0"
        if self.kind == "exponential" and self.values[0] <= 0:
            return "exponential:MEAN with a mean above 0"
        if self.kind == "fixed" and self.values[0] == 0:
            return "fixed:VALUE with a value other than 0"
        return ""

    @property
    def is_usual(self) -> bool:
        """Whether it is the paper's: uniform on [0, 1]."""
        return (self.kind, self.values) == ("uniform", USUAL["uniform"])

    @property
    def mean(self) -> float:
        """E u."""
        return {"uniform": sum(self.values) / 2, "signed": 0.0}.get(self.kind, self._first)

    @property
    def second_moment(self) -> float:
        """E u²."""
        if self.kind == "uniform":
            low, high = self.values
            return (low * low + low * high + high * high) / 3
        if self.kind == "normal":
            return self.values[0] ** 2 + self.values[1] ** 2
        return {"signed": 1 / 3, "exponential": 2 * self._first**2}.get(self.kind, self._first**2)

    def variance(self, p: float) -> float:
        """Var x = p E u² − p² (E u)² of a feature that is on with probability p."""
        return p * (self.second_moment - p * self.mean**2)

    @property
    def _first(self) -> float:
        return self.values[0] if self.values else 0.0


USUAL_LAW = MagnitudeLaw()
"""The paper's: uniform on [0, 1]."""
