"""Numbers as tables and sentences show them, and quotients that agree with what is shown."""

from __future__ import annotations

import math
import re


def minus(text: str) -> str:
    """With a true minus sign before numbers, after which no line breaks; exponents keep theirs."""
    return re.sub(r"(?<![\w.])-(?=[\d.])", "−", text)


def short_exponent(text: str) -> str:
    """A number that Python wrote, without the plus and the zeros of its exponent: 2e-5, 1e7."""
    return re.sub(r"e(-?)\+?0*(?=\d)", r"e\1", text)


def loss(value: float) -> str:
    """Four digits that stay comparable: 0.005431, 2.100e-6."""
    if not math.isfinite(value):
        return "-"
    if 1e-3 <= abs(value) < 100 or value == 0:
        return f"{value:.6f}"
    return short_exponent(f"{value:.3e}")


def figure(value: float, digits: int = 4) -> str:
    """Rounded to `digits`, with large numbers whole: −0.3214, 3.427e-5, 22,130."""
    if abs(value) >= 1e4 and abs(value) < 1e7:
        return minus(f"{value:,.0f}")
    return minus(short_exponent(f"{value:.{digits}g}"))


def quotient(above: float, below: float) -> float:
    """above / below of two losses as `loss` shows them, to three places, so that readers who divide
    find the same ratio. NaN if either is not shown or `below` is 0."""
    if not (math.isfinite(above) and math.isfinite(below)) or float(loss(below)) == 0:
        return math.nan
    return round(float(loss(above)) / float(loss(below)), 3)


def ratio(value: float) -> str:
    if not math.isfinite(value):
        return "-"
    return f"{value:.3f}" if abs(value) < 100 else f"{value:.3g}"


def deviation(value: float) -> str:
    """In standard errors, signed."""
    if not math.isfinite(value):
        return "-"
    return minus(f"{value:+.1f}" if abs(value) < 1000 else ("> +999" if value > 0 else "< -999"))


def count(value: float) -> str:
    """Short: 950, 1.2k, 2k, 35k, 1.4M."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            scaled = value / size
            short = f"{scaled:.1f}".removesuffix(".0") if scaled < 10 else f"{scaled:.0f}"
            return short + letter
    return f"{value:.0f}"


def duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes:02}:{rest:02}"
