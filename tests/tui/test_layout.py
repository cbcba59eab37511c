"""Sizes: what each terminal shows, and that no size breaks anything."""

import pytest
from rich.color import Color
from textual.geometry import Region
from textual.widgets._toast import Toast

from rugtui.settings.preferences import Preferences
from rugtui.tui.app import RugtuiApp
from rugtui.tui.charts.palette import BLANK, HALF_LEVELS
from rugtui.tui.layout import layout_for
from rugtui.tui.panes.pane import Pane
from rugtui.tui.terminal.terminal_app import folded
from tests.tui.fake import FakeSession, give, running, some_frame

PANES = {
    (160, 50): {"loss", "weights", "theory", "symmetry"},
    (120, 40): {"loss", "weights", "theory", "symmetry"},
    (80, 24): {"loss", "weights", "theory"},
    (40, 12): {"loss"},
    (20, 5): set(),
}


def visible(app):
    panes = app.dashboard.query("#panes Pane").results(Pane)
    return {pane.id for pane in panes if pane.region.area}


@pytest.mark.parametrize("size", PANES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_each_size_shows_its_panes(size):
    app = RugtuiApp(FakeSession())
    async with running(app, size) as pilot:
        app.session.give(some_frame())
        app.take_frame()
        await pilot.pause()
        assert visible(app) == PANES[size]


async def test_a_broad_terminal_gives_w_its_full_height_and_tables_all_their_columns():
    app = RugtuiApp(FakeSession())
    async with running(app, (160, 50)) as pilot:
        await give(pilot, some_frame())
        panes = {name: app.dashboard.query_one(f"#{name}", Pane) for name in PANES[160, 50]}
        tall, wide = panes["weights"].content_size.height, panes["weights"].content_size.width
        assert 2 * tall >= 64 <= wide
        text = [panes["theory"].render_line(y).text for y in range(24)]
        assert any("0.005789" in row and "1.002" in row for row in text)
        assert panes["theory"].region.y == panes["symmetry"].region.y


async def test_every_pane_can_be_reached_in_a_small_terminal():
    app = RugtuiApp(FakeSession())
    async with running(app, (40, 12)) as pilot:
        app.session.give(some_frame())
        app.take_frame()
        for key, pane in zip("1234", ["loss", "weights", "theory", "symmetry"], strict=True):
            await pilot.press(key)
            await pilot.pause()
            assert visible(app) == {pane}


async def test_symmetry_can_be_reached_at_80x24():
    app = RugtuiApp(FakeSession())
    async with running(app, (80, 24)) as pilot:
        app.session.give(some_frame())
        app.take_frame()
        await pilot.press("4")
        await pilot.pause()
        assert "symmetry" in visible(app)
        await pilot.press("1")
        await pilot.pause()
        assert visible(app) == PANES[80, 24]


async def test_many_resizes_leave_the_layout_intact():
    app = RugtuiApp(FakeSession())
    async with running(app) as pilot:
        for size in [(20, 5), (1, 1), (200, 60), (40, 12), (31, 9), (80, 24), (120, 40)]:
            await pilot.resize_terminal(*size)
            app.session.give(some_frame())
            app.take_frame()
            await pilot.pause()
        assert visible(app) == PANES[120, 40]


def test_every_size_has_a_layout():
    names = {layout_for(columns, rows) for columns in range(0, 200, 3) for rows in range(0, 80)}
    assert names == {"broad", "wide", "compact", "single", "none"}


async def test_every_segment_has_a_style():
    """Filters ask each for its colours: one without broke NO_COLOR."""
    app = RugtuiApp(FakeSession())
    async with running(app) as pilot:
        app.session.give(some_frame())
        app.take_frame()
        await pilot.pause()
        for pane in app.dashboard.query(Pane):
            for strip in pane.draw(pane.frame, pane.palette, *pane.content_size):
                assert all(segment.style is not None for segment in strip), pane.id


@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_every_cell_has_the_background_of_its_theme(theme):
    """A theme may be lighter or darker than the terminal under it."""
    app = RugtuiApp(FakeSession(), Preferences(theme=theme))
    async with running(app) as pilot:
        app.session.give(some_frame())
        app.take_frame()
        await pilot.pause()
        for _ in range(2):
            for pane in app.dashboard.query(Pane):
                paper = pane.background_colors[1].rich_color
                own = heat(pane.palette) if pane.id == "weights" else set()
                cells = [
                    cell for y in range(pane.content_size.height) for cell in pane.render_line(y)
                ]
                assert {cell.style.bgcolor for cell in cells} <= {paper} | own
            await pilot.press("d")
            await pilot.pause()


async def until(pilot, holds):
    """Wait for what takes a layout or two; fails where it never comes."""
    for _ in range(100):
        if holds():
            return
        await pilot.pause(0.02)
    raise AssertionError("it did not come")


def heat(palette):
    return {Color.from_rgb(*palette.level(level)) for level in range(-HALF_LEVELS, BLANK)}


async def test_notifications_cover_only_the_footer_and_do_not_pile_up():
    app = RugtuiApp(FakeSession())
    async with running(app, size=(80, 24), notifications=True) as pilot:
        await pilot.press("]", "]", "]")
        await pilot.pause()
        (toast,) = app.screen.query(Toast)
        assert toast.region == Region(0, 23, 80, 1)
        assert toast.render().plain.startswith("lr")
        app.notify("it went wrong", severity="warning")
        await pilot.press("]")
        await pilot.pause()
        said = [toast.render().plain for toast in app.screen.query(Toast)]
        assert said[0] == "it went wrong"
        assert said[1].startswith("lr")


@pytest.mark.parametrize("keys", [(), ("z",)])
async def test_a_long_notification_covers_no_readout(keys):
    """The panes make room for it, and take it back."""
    app = RugtuiApp(FakeSession())
    async with running(app, size=(80, 24), notifications=True) as pilot:
        await give(pilot, some_frame())
        await pilot.press("2", *keys)
        pane = app.dashboard.query_one("#weights")
        await until(pilot, lambda: (pane.region.width == 80) == bool(keys))
        whole = pane.region
        app.notify("it went wrong " * 20, severity="error", timeout=600)
        await until(pilot, lambda: pane.region != whole)
        (toast,) = app.screen.query(Toast)
        assert toast.region.height > 2
        for one in app.dashboard.query(Pane):
            assert one.content_region.bottom <= toast.region.y
        app.clear_notifications()
        await until(pilot, lambda: pane.region == whole)


def test_a_long_path_takes_no_more_lines_than_it_fills():
    assert folded("all of it", 20) == "all of it"
    assert folded("in /a/very/long/path", 15) == "in /a/very/long\n/path"
