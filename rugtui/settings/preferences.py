"""How a user wants to see the dashboard: one frozen, validated dataclass, as the settings are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rugtui.settings.fields import check, fields_of, setting

LinkKind = Literal["auto", "fast", "slow"]
Theme = Literal["dark", "light"]
OnHangup = Literal["continue", "stop"]


@dataclass(frozen=True, slots=True)
class Preferences:
    """What changes the screen and how a run is kept, and not what it computes."""

    fps: float = setting(
        8.0,
        "Frames drawn in a second, at most; fewer where they slow training.",
        unit="1/s",
        least=0.1,
        most=60.0,
    )
    link: LinkKind = setting("auto", "What the link to the terminal bears; auto finds out.")
    theme: Theme = setting("dark", "Colours for a dark or a light terminal.")
    ascii: bool = setting(False, "Plain ASCII where braille and blocks are missing.")
    mouse: bool = setting(True, "Let the mouse focus and scroll.")
    on_hangup: OnHangup = setting(
        "continue", "What training does when its terminal goes: it is saved either way."
    )
    autosave: float = setting(
        10.0, "Seconds from one save of the run to the next.", unit="s", least=0.05
    )

    def __post_init__(self) -> None:
        for name, declared in fields_of(Preferences).items():
            check(declared, getattr(self, name))
