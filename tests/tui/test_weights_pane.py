"""Every key of the W pane, pressed in a running app."""

import asyncio
import dataclasses

import numpy as np
import pytest

from rugtui.live.commands import Look, NextConstruction, Show
from rugtui.live.frame import CellReadout, Panel
from rugtui.models.base import Window
from rugtui.settings.preferences import Preferences
from rugtui.tui.app import RugtuiApp
from rugtui.tui.charts.palette import ASCII, SHADES
from rugtui.tui.keys import KEYS
from rugtui.tui.panes.weights.camera import PixelView, pixel_of
from rugtui.tui.panes.weights.widget import WeightsPane, subtitle
from tests.tui.fake import FakeSession, running, some_frame, some_picture


@pytest.fixture
async def pilot():
    app = RugtuiApp(FakeSession())
    async with running(app) as pilot:
        await pilot.pause()
        await give(pilot)
        await pilot.press("2")
        await pilot.pause()
        yield pilot


async def give(pilot, **changes):
    pilot.app.session.give(some_frame(**changes))
    pilot.app.take_frame()
    await pilot.pause()


def pane(pilot) -> WeightsPane:
    return pilot.app.dashboard.query_one(WeightsPane)


def look(pilot) -> Look:
    return [c for c in pilot.app.session.told if isinstance(c, Look)][-1]


async def test_it_asks_for_as_many_pixels_as_it_has(pilot):
    width, height = pane(pilot).content_size
    asked = look(pilot)
    assert asked.window is None
    assert asked.height == 2 * (height - 3)  # but for the numbers of columns and two lines
    assert asked.width == width - 8  # but for the numbers of rows and the biases


async def test_arrows_move_a_cursor_and_escape_puts_it_away(pilot):
    await pilot.press("down")
    assert look(pilot).cursor == (256, 256)
    await pilot.press("up", "left", "left")
    view = pane(pilot).camera.view()
    assert pixel_of(view, *look(pilot).cursor) == (view.height // 2 - 1, view.width // 2 - 2)
    await pilot.press("right", "down")
    assert pixel_of(view, *look(pilot).cursor) == (view.height // 2, view.width // 2 - 1)
    await pilot.press("escape")
    assert look(pilot).cursor is None


async def test_i_and_o_zoom_at_the_cursor(pilot):
    await pilot.press("up", "left", "left", "i")
    asked = look(pilot)
    assert (asked.window.bottom - asked.window.top) == 8 * asked.height
    cursor = asked.cursor
    assert asked.window.left <= cursor[1] < asked.window.right
    await pilot.press("i")
    assert look(pilot).window.bottom - look(pilot).window.top == 4 * look(pilot).height
    await pilot.press("o", "o")
    assert look(pilot).window is None
    assert look(pilot).cursor == cursor


async def test_x_shows_cells_and_0_all_of_them(pilot):
    await pilot.press("n")
    asked = look(pilot)
    assert asked.window.bottom - asked.window.top == asked.height > 32
    assert asked.window.right - asked.window.left == asked.width > asked.height
    await pilot.press("0")
    assert look(pilot).window is None


@pytest.mark.parametrize(("key", "down", "right"), [("up", -1, 0), ("down", 1, 0), ("left", 0, -1)])
async def test_shifted_arrows_pan(pilot, key, down, right):
    await pilot.press("i", "i")
    before = look(pilot).window
    await pilot.press(f"shift+{key}")
    after = look(pilot).window
    rows, columns = before.bottom - before.top, before.right - before.left
    assert after.top - before.top == pytest.approx(down * (rows // 4), abs=4)
    assert after.left - before.left == pytest.approx(right * (columns // 4), abs=4)


async def test_r_steps_through_the_orders(pilot):
    seen = [look(pilot).order]
    for _ in range(4):
        await pilot.press("r")
        seen.append(look(pilot).order)
    assert seen == ["natural", "sequency", "clustered", "partners", "natural"]


async def test_v_steps_through_the_scales_and_fixed_is_frozen(pilot):
    await pilot.press("v")
    frozen = pane(pilot).shades.scale.top
    louder = some_picture()
    loud = dataclasses.replace(louder.panels[0], pixels=louder.panels[0].pixels * 9)
    await give(pilot, picture=dataclasses.replace(louder, panels=(loud,)))
    assert pane(pilot).shades.scale.top == frozen
    await pilot.press("v")
    assert pane(pilot).shades.scale.scaling == "log"
    await pilot.press("v")
    assert pane(pilot).shades.scale.top == pytest.approx(9 * frozen, rel=0.1)


async def test_c_compares_side_by_side(pilot):
    wide = look(pilot).width
    await pilot.press("c")
    assert look(pilot).beside
    assert look(pilot).width < wide
    await give(pilot, picture=some_picture("trained", "rug"), construction="hadamard")
    assert pane(pilot).border_subtitle.startswith("trained | rug (hadamard)")
    await pilot.press("c")
    assert not look(pilot).beside


async def test_f_asks_for_the_next_construction(pilot):
    await pilot.press("f")
    assert any(isinstance(command, NextConstruction) for command in pilot.app.session.told)


async def test_on_a_slow_link_no_picture_mixes_with_another():
    async with running(RugtuiApp(FakeSession(), Preferences(link="slow"))) as pilot:

        def lines():
            one = pane(pilot)
            return [one.render_line(y).text for y in range(one.content_size.height)]

        def of_this_size(kind):
            size = look(pilot).height, look(pilot).width
            panel = Panel(kind, np.ones(size), np.full(size[0], -0.4))
            return dataclasses.replace(some_picture(), panels=(panel,))

        def sending():
            said = lines()[-1].strip() == "Sending another picture …"
            return said and not any(line.strip() for line in lines()[:-1])

        await give(pilot, picture=some_picture())
        assert sending(), "it was made for another size"
        await give(pilot, picture=of_this_size("trained"))
        async with asyncio.timeout(20):
            while sending():
                await pilot.pause(0.02)
        await give(pilot, picture=of_this_size("rug"))
        assert sending(), "or its rows would stand among those of the last one"
        async with asyncio.timeout(20):
            while sending():
                await pilot.pause(0.02)
        assert "▀" in lines()[0]


async def test_w_still_swaps(pilot):
    await pilot.press("w")
    assert pilot.app.session.shows() == [Show("rug")]


async def test_the_mouse_points_and_its_wheel_zooms(pilot):
    view = pane(pilot).camera.view()
    left = pane(pilot)._room.left(0, view.wide)
    await pilot.click(WeightsPane, offset=(1 + left + 3, 1 + 2))
    pointed = look(pilot).cursor
    assert pixel_of(view, *pointed) == (4, 3)
    await pilot.click(WeightsPane, offset=(1, 1 + 2))
    assert look(pilot).cursor == pointed
    await pilot._post_mouse_events([_wheel_up()], WeightsPane, offset=(20, 5), button=0)
    assert look(pilot).window is not None


def _wheel_up():
    from textual.events import MouseScrollUp

    return MouseScrollUp


async def test_a_frame_of_other_settings_is_looked_at_as_a_whole(pilot):
    await pilot.press("i", "i", "down")
    smaller = some_frame().settings.replace(n_sparse=100, n_dense=20)
    await give(pilot, settings=smaller)
    assert look(pilot).window is None
    assert look(pilot).cursor is None


async def test_no_picture_is_requested_twice(pilot):
    await pilot.pause()
    before = len(pilot.app.session.told)
    for _ in range(3):
        await give(pilot)
    assert len(pilot.app.session.told) == before


async def test_other_panes_do_not_take_its_keys(pilot):
    await pilot.press("1")
    await pilot.pause()
    before = look(pilot)
    await pilot.press("c", "r", "k", "down")
    assert look(pilot) == before
    assert not any(isinstance(command, NextConstruction) for command in pilot.app.session.told)


@pytest.mark.parametrize(("ascii_only", "glyphs"), [(False, SHADES), (True, ASCII)])
async def test_without_colours_it_draws_characters(monkeypatch, ascii_only, glyphs):
    monkeypatch.setenv("NO_COLOR", "1")
    app = RugtuiApp(FakeSession(), Preferences(ascii=ascii_only))
    async with running(app) as pilot:
        await give(pilot)
        rows = [pane(pilot).render_line(y).text for y in range(pane(pilot).content_size.height)]
        letters = set("".join(row[5:] for row in rows[:-3]))
        assert glyphs.diagonal in letters
        assert letters <= set(glyphs.negative + glyphs.positive + glyphs.diagonal + " ")
        assert look(pilot).width > 2 * look(pilot).height


async def test_a_cell_is_read_out(pilot):
    await pilot.press("down")
    cell = CellReadout(
        (256, 256), 256, 256, 1.2345, -0.4, Window(0, 0, 1, 1), 1.2345, 1.2345, False
    )
    picture = some_picture()
    panel = dataclasses.replace(picture.panels[0], pixels=-picture.panels[0].pixels, cell=cell)
    await give(pilot, picture=dataclasses.replace(picture, panels=(panel,)))
    height = pane(pilot).content_size.height
    assert "W[256, 256] +1.2345" in pane(pilot).render_line(height - 1).text


def test_the_subtitle_says_what_is_seen():
    def drawn(tall: int, wide: int) -> PixelView:
        return PixelView(Window.whole(64), 0, 0, tall, wide)

    frame = some_frame(construction="dct")
    whole = some_picture(n_sparse=64)
    assert subtitle(frame, whole, drawn(64, 64), 60) == "trained · one cell per pixel"
    assert subtitle(frame, whole, drawn(192, 192), 60) == "trained · 3 × 3 pixels per cell"
    part = some_picture("rug", window=Window(8, 16, 24, 48))
    assert (
        subtitle(frame, part, drawn(16, 32), 60) == "rug (dct) · one cell per pixel · 8–23 × 16–47"
    )
    assert subtitle(frame, part, drawn(16, 32), 36) == "rug (dct) · one cell per pixel"
    assert subtitle(frame, part, drawn(16, 32), 5) == "rug (dct)"
    pooled = dataclasses.replace(whole.panels[0], pixels=whole.panels[0].pixels[::4, ::4])
    ordered = dataclasses.replace(pooled, order="sequency")
    picture = dataclasses.replace(whole, panels=(ordered,))
    assert (
        subtitle(frame, picture, drawn(16, 16), 60) == "trained · sequency · 4 × 4 cells per pixel"
    )


def test_every_key_of_the_pane_is_pressed_here():
    keys = {key.keys for key in KEYS if key.pane == "weights"}
    arrows = {"up", "down", "left", "right"}
    letters = {"up,k", "down,j", "left,h", "right,l"}
    assert keys == {*"cfrvio0n", "escape", *letters, *(f"shift+{arrow}" for arrow in arrows)}


async def test_letters_move_the_cursor_and_the_mouse_reads_out_a_cell(pilot):
    await pilot.press("j", "j", "l")
    moved = look(pilot).cursor
    await pilot.press("k", "h", "k")
    assert look(pilot).cursor != moved
    placed = pane(pilot).camera.cursor
    view = pane(pilot).camera.view()
    left = pane(pilot)._room.left(0, view.wide)
    await pilot.hover(WeightsPane, offset=(1 + left + 3, 1 + 2))
    assert pixel_of(view, *look(pilot).cursor) == (4, 3)
    await pilot.hover("#loss", offset=(10, 10))
    assert pane(pilot).camera.cursor == pane(pilot).cursor == placed
