"""What a pane says while it has nothing to show: what is waited for, or why nothing comes."""

from __future__ import annotations

from textual.strip import Strip

from rugtui.live.frame import Frame
from rugtui.tui.charts.lines import fit, paragraph
from rugtui.tui.charts.palette import Palette

NOTHING_COMES = {
    "failed": "Training stopped before its first result.",
    "paused": "Paused before the first result.",
    "done": "Over before the first result.",
    "finished": "The run was over before its first result.",
    "crashed": "The process that trained it is gone, and saved no result.",
    "gone": "The run was removed before its first result was seen.",
    "damaged": "No result of this run can be read.",
}
"""By the phase, where what is waited for does not come by itself."""


def instead(frame: Frame, awaited: str) -> str:
    """`awaited` where that is still to come; else why it is not, in a sentence."""
    return awaited if len(frame.history) else NOTHING_COMES.get(frame.phase, awaited)


def said_alone(text: str, palette: Palette, width: int, height: int) -> list[Strip]:
    """A pane that says nothing else."""
    return fit(paragraph(text, palette.style("faint"), width, height), width, height)
