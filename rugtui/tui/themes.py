"""The colours of borders, sheets and keys, for dark and light terminals of many colours or few.

On a terminal of sixteen colours each is one of them: the nearest ones of other themes would be red
keys on grey, and invisible borders. Without colours, selections are reversed, and bars are plain.
"""

from __future__ import annotations

from dataclasses import replace

from textual.theme import Theme

from rugtui.tui.charts.palette import ColourDepth


def _marks(accent: str, ink: str, rim: str) -> dict[str, str]:
    """Selections in the accent colour in every widget; scrollbars in that of borders."""
    return {
        **dict.fromkeys(("block-cursor-background", "input-selection-background"), accent),
        **dict.fromkeys(("block-cursor-foreground", "input-selection-foreground"), ink),
        "block-cursor-blurred-background": rim,
        "block-hover-background": rim,
        "border": accent,
        "scrollbar": rim,
        "scrollbar-hover": accent,
        "scrollbar-active": accent,
        "scrollbar-background": "transparent",
        "scrollbar-background-hover": "transparent",
        "scrollbar-background-active": "transparent",
    }


DARK = Theme(
    name="rugtui-dark",
    primary="#0178D4",
    secondary="#004578",
    accent="#ffa62b",
    warning="#ffa62b",
    error="#ff6e5a",
    success="#4EBF71",
    foreground="#e0e0e0",
    variables={"rim": "#484848", "told": "#909090", **_marks("#ffa62b", "#121212", "#484848")},
)
LIGHT = Theme(
    name="rugtui-light",
    primary="#004578",
    secondary="#0178D4",
    accent="#a04800",
    warning="#8a4b00",
    error="#be1e14",
    success="#1f7a3f",
    foreground="#1a1a1a",
    background="#E0E0E0",
    surface="#D8D8D8",
    panel="#D0D0D0",
    dark=False,
    variables={
        "rim": "#a8a8a8",
        "told": "#5c5c5c",
        "footer-key-foreground": "#00508c",
        **_marks("#a04800", "#ffffff", "#a8a8a8"),
    },
)

# The RGB values that Rich assumes for the sixteen colours, so that each is mapped to itself.
_BLACK, _GREY, _WHITE = "#000000", "#555555", "#ffffff"
_BLUE, _RED, _GREEN, _MAGENTA = "#0000aa", "#aa0000", "#00aa00", "#aa00aa"
_YELLOW, _LIGHT_CYAN, _LIGHT_RED, _LIGHT_GREEN = "#ffff55", "#55ffff", "#ff5555", "#55ff55"
_SILVER = "#aaaaaa"


def _bars(paper: str, bar: tuple[str, str, str], mark: tuple[str, str]) -> dict[str, str]:
    """On the background `paper`: a bar's background, keys and words; a selection's background and
    text."""
    return {
        **dict(zip(("footer-background", "footer-key-foreground"), bar, strict=False)),
        "footer-description-foreground": bar[2],
        **dict.fromkeys(("block-cursor-background", "block-cursor-blurred-background"), mark[0]),
        **dict.fromkeys(("block-cursor-foreground", "block-cursor-blurred-foreground"), mark[1]),
        "input-selection-background": mark[0],
        "input-selection-foreground": mark[1],
        **dict.fromkeys(("scrollbar", "scrollbar-hover", "scrollbar-active"), _SILVER),
        "scrollbar-background": paper,
    }


_BAR, _MARK = (_BLUE, _YELLOW, _WHITE), (_BLUE, _WHITE)


def _sixteen(dark: bool, told: str, accents: tuple[str, str, str, str]) -> Theme:
    """A theme with one background for everything. `told` is the colour of texts in borders,
    `accents` those of the focus, warnings, errors and successes."""
    ink, paper = (_WHITE, _BLACK) if dark else (_BLACK, _WHITE)
    accent, warning, error, success = accents
    return Theme(
        name=name_of("dark" if dark else "light"),
        primary=_BLUE,
        secondary=_BLUE,
        foreground=ink,
        background=paper,
        surface=paper,
        panel=paper,
        dark=dark,
        variables={**_bars(paper, _BAR, _MARK), "rim": _GREY, "told": told},
        accent=accent,
        warning=warning,
        error=error,
        success=success,
    )


def name_of(theme: str) -> str:
    """Textual's name of the dark or the light theme."""
    return f"rugtui-{theme}"


DARK_16 = _sixteen(True, _SILVER, (_YELLOW, _LIGHT_CYAN, _LIGHT_RED, _LIGHT_GREEN))
LIGHT_16 = _sixteen(False, _GREY, (_BLUE, _MAGENTA, _RED, _GREEN))


def _without_colours(theme: Theme, paper: str, ink: str) -> Theme:
    bars = _bars(paper, (paper, ink, ink), (ink, paper))
    return replace(theme, primary=ink, accent=ink, variables={**theme.variables, **bars})


_FEW = DARK_16, LIGHT_16
_NONE = _without_colours(DARK_16, _BLACK, _WHITE), _without_colours(LIGHT_16, _WHITE, _BLACK)


def themes(colours: ColourDepth) -> tuple[Theme, Theme]:
    """The dark and the light theme for a terminal with these colours."""
    return {"16": _FEW, "none": _NONE}.get(colours, (DARK, LIGHT))
