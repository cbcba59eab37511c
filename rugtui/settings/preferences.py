"""Preferences: how the dashboard looks and how runs are saved; one frozen, validated dataclass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rugtui.settings.fields import check, fields_of, setting

LinkKind = Literal["auto", "fast", "slow"]
Theme = Literal["dark", "light"]
OnHangup = Literal["continue", "stop"]


@dataclass(frozen=True, slots=True)
class Preferences:
    """What changes the screen and how a run is saved, but not what it computes."""

    fps: float = setting(
        8.0,
        "Most frames per second; fewer are drawn if that slows training.",
        unit="1/s",
        least=0.1,
        most=60.0,
    )
    link: LinkKind = setting("auto", "Speed of the link to the terminal; auto measures it.")
    theme: Theme = setting("dark", "Colours for a dark or a light terminal.")
    ascii: bool = setting(False, "Use plain ASCII instead of braille and block characters.")
    mouse: bool = setting(True, "Use the mouse; without it the terminal can select text.")
    on_hangup: OnHangup = setting(
        "continue",
        "If the terminal goes away: continue or stop; the run is saved either way.",
    )
    autosave: float = setting(10.0, "Seconds between two saves of a run.", unit="s", least=0.05)

    def __post_init__(self) -> None:
        for name, declared in fields_of(Preferences).items():
            check(declared, getattr(self, name))
