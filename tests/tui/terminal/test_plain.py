"""Terminals with less: filters over all that is drawn, and themes of a few colours."""

import pytest
from rich._palettes import STANDARD_PALETTE
from rich.cells import cell_len
from rich.color import Color as Ink
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from rugtui.runtime.terminal import in_ascii, on_console
from rugtui.tui.app import RugtuiApp
from rugtui.tui.terminal.plain import Uncoloured
from rugtui.tui.themes import themes
from tests.tui.fake import FakeSession, give, running, some_frame

BLACK = Color.parse("#000000")


@pytest.mark.parametrize("text", ["0.65 ± 0.03", "of ±0.2", "± off", "±", "╭─ 1 ─╮", "日本", "⠿▀"])
def test_ascii_takes_as_many_cells(text):
    assert in_ascii(text).isascii()
    assert cell_len(in_ascii(text)) == cell_len(text)


def test_ascii_keeps_the_meaning():
    assert in_ascii("0.65 ± 0.03") == "0.65 +-0.03"
    assert in_ascii("× L* −1 … α ≥ 2") == "x L* -1 ~ a > 2"


def test_the_console_of_linux_keeps_half_blocks_and_frames():
    assert on_console("╭─ ▀▀ × ± … ● ▁█ ─╯") == "┌─ ▀▀ × ± ~ o -█ ─┘"


async def test_on_the_console_of_linux_there_is_no_braille(monkeypatch):
    monkeypatch.setenv("TERM", "linux")
    app = RugtuiApp(FakeSession())
    async with running(app) as pilot:
        await give(pilot, some_frame())
        lines = [strip.text for strip in app.screen._compositor.render_strips()]
        drawn = "".join(on_console(line) for line in lines)
        assert "?" not in drawn.replace("? help", "")
        assert "▀▀▀" in drawn


def uncoloured(ink, paper, **attributes):
    style = Style(color=ink, bgcolor=paper, meta={"key": 1}, **attributes)
    (segment,) = Uncoloured().apply([Segment("x", style)], BLACK)
    assert segment.style.color is segment.style.bgcolor is None
    assert segment.style.meta == {"key": 1}
    return bool(segment.style.reverse), bool(segment.style.dim)


def test_what_stands_out_by_colour_stands_out_without():
    assert uncoloured("#ffffff", "#000000") == (False, False)
    assert uncoloured("#000000", "#ffffff") == (True, False)
    assert uncoloured("#ffffff", "#101010", reverse=True) == (True, False)
    assert uncoloured("#707070", "#000000") == (False, True)


@pytest.mark.parametrize("theme", [*themes("16"), *themes("none")])
def test_themes_of_few_colours_have_those_colours(theme):
    fields = ("primary", "secondary", "accent", "warning", "error", "success")
    grounds = ("foreground", "background", "surface", "panel")
    named = [getattr(theme, name) for name in (*fields, *grounds)]
    for colour in [*named, *theme.variables.values()]:
        assert Ink.parse(colour).triplet in STANDARD_PALETTE._colors


@pytest.mark.parametrize("theme", themes("truecolor"))
def test_what_is_written_in_a_colour_can_be_read(theme):
    paper = Color.parse(theme.surface or "#1e1e1e")
    for ink in (theme.accent, theme.error, theme.warning, theme.variables["told"]):
        assert contrast(Color.parse(ink), paper) >= 4


def contrast(one, other):
    """Of WCAG 2."""
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(colour):
    linear = [
        s / 12.92 if s <= 0.03928 else ((s + 0.055) / 1.055) ** 2.4 for s in colour.normalized
    ]
    return sum(w * s for w, s in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
