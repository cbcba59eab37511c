"""Whole screens as SVG, looked at and kept: what changes one of them must have meant to.

`pytest tests/tui/test_snapshots.py --snapshot-update` renews them; look before you commit.
"""

from __future__ import annotations

import dataclasses

import pytest

from rugtui.live.commands import Stop
from rugtui.live.frame import CellReadout
from rugtui.models.base import Window
from rugtui.settings.preferences import Preferences
from rugtui.tui.app import RugtuiApp
from tests.tui.fake import FakeSession, give, some_frame, some_picture
from tests.tui.test_loss_pane import some_curves
from tests.tui.test_runs import OTHERS

BLOCK = CellReadout((256, 256), 256, 256, 1.2, -0.4, Window(256, 256, 288, 288), -0.31, 1.2, False)


def both_with_a_cell():
    picture = some_picture("trained", "rug")
    panels = [
        dataclasses.replace(
            panel, pixels=panel.pixels[::4, ::4], biases=panel.biases[::4], cell=one
        )
        for panel, one in zip(
            picture.panels, (BLOCK, dataclasses.replace(BLOCK, value=1.1)), strict=True
        )
    ]
    return dataclasses.replace(
        picture, panels=tuple(panels), n_sparse=512, window=Window.whole(512)
    )


STATES = {
    "crosshair-and-other-runs": ((120, 40), "dark", ["h", "comma", "z"]),
    "against-r": ((80, 24), "dark", ["t", "z"]),
    "both-and-a-cell": ((80, 24), "light", ["2", "c", "up"]),
    "runs": ((120, 24), "dark", ["R", "down", "c"]),
}


@pytest.mark.parametrize("name", STATES)
def test_a_screen_looks_as_it_did(name, snap_compare, monkeypatch):
    monkeypatch.setenv("TERM", "xterm-256color")  # whatever the tests run in
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.delenv("NO_COLOR", raising=False)
    size, theme, keys = STATES[name]
    app = RugtuiApp(FakeSession(), Preferences(link="fast", theme=theme))
    app.read_meter = lambda: None  # what it reads depends on the machine
    frame = some_frame(others=OTHERS, run="/runs/live", curves=some_curves())
    if "cell" in name:
        picture = both_with_a_cell()
        frame = dataclasses.replace(frame, others=(), picture=picture, construction="hadamard")

    async def used(pilot):
        await pilot.pause()
        await give(pilot, frame)
        await pilot.press(*keys)
        await give(pilot, frame)
        await pilot.pause()
        app.session.send(Stop())

    assert snap_compare(app, terminal_size=size, run_before=used)
