"""Lines as cells: every one with its character, its ink and a background."""

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from rugtui.tui.charts.lines import papered

PAPER, RED, BLUE = Color.parse("#101010"), Color.parse("#ff0000"), Color.parse("#0000ff")


def cells(strip):
    """What is seen in every cell: ink of a space is not."""
    return [
        (letter, None if letter == " " else style.color, style.bgcolor, style.reverse)
        for text, style, _ in strip
        for letter in text
    ]


def test_only_cells_without_a_background_get_one():
    strip = Strip(
        [
            Segment("ab", Style(color=RED)),
            Segment("  "),
            Segment("c", Style(color=BLUE, bgcolor=RED)),
            Segment(" ", Style(bgcolor=RED)),
            Segment(" ", Style(reverse=True)),
            Segment(" ", Style.null()),
        ]
    )
    after = papered(strip, PAPER)
    assert after.cell_length == strip.cell_length == 8
    assert cells(after) == [
        ("a", RED, PAPER, None),
        ("b", RED, PAPER, None),
        (" ", None, PAPER, None),
        (" ", None, PAPER, None),
        ("c", BLUE, RED, None),
        (" ", None, RED, None),
        (" ", None, PAPER, True),
        (" ", None, PAPER, None),
    ]


def test_spaces_and_equal_styles_cost_no_change_of_style():
    red = Style(color=RED)
    strip = Strip([Segment("a", red), Segment("   "), Segment("b", red), Segment("c", red)])
    assert [segment.text for segment in papered(strip, PAPER)] == ["a   bc"]
