"""Several screenshots as one animated SVG: what stays the same is written once."""

from __future__ import annotations

import re
from collections.abc import Sequence

ELEMENT = re.compile(r"<rect [^>]*/>|<text [^>]*>[^<]*</text>")
RULE = re.compile(r"\.(terminal-\d+-r\d+) \{ ([^}]*) \}")
SCREEN = re.compile(r'<g transform="(translate\([^"]*\))" clip-path')
FONT = "text{font-family:'Fira Code',Menlo,Consolas,monospace;font-size:20px;white-space:pre}"


def movie(screens: Sequence[str], seconds: Sequence[float]) -> str:
    """An SVG that shows each screen (as Textual exports it) for so many seconds, over and over."""
    view, shift = re.search(r'viewBox="([^"]*)"', screens[0]), SCREEN.search(screens[0])
    assert view is not None
    assert shift is not None
    styles: dict[str, str] = {}
    frames = [elements(screen, styles) for screen in screens]
    css = [FONT, *(f".{name}{{{style}}}" for style, name in styles.items())]
    total, start = sum(seconds), 0.0
    still = "hidden", "visible"  # where nothing moves, the last is seen
    for number, length in enumerate(seconds):
        begin, end = (100 * at / total for at in (start, start + length))
        start += length
        hidden = "0%{visibility:hidden}" if begin else ""
        gone = f"{end:.2f}%{{visibility:hidden}}" if number < len(seconds) - 1 else ""
        css += [
            f"@keyframes f{number}{{{hidden}{begin:.2f}%{{visibility:visible}}{gone}}}",
            f".f{number}{{visibility:{still[number == len(seconds) - 1]};",
            f"animation:f{number} {total:g}s step-end infinite}}",
        ]
    body = []
    for kind in ("<rect", "<text"):  # backgrounds first, so that none covers a letter
        own = [[one for one in frame if one.startswith(kind)] for frame in frames]
        same = set(own[0]).intersection(*own[1:])
        body += [one for one in own[0] if one in same]
        for number, frame in enumerate(own):
            rest = "".join(one for one in frame if one not in same)
            body.append(f'<g class="f{number}">{rest}</g>')
    x, y, width, height = view[1].split()
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{view[1]}"><style>{"".join(css)}</style>'
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="8" fill="#121212"/>'
        f'<g transform="{shift[1]}">{"".join(body)}</g></svg>\n'
    )


def elements(screen: str, styles: dict[str, str]) -> list[str]:
    """The rectangles and texts of a screen's cells, with classes that all screens share."""
    own = dict(RULE.findall(screen))

    def shared(match: re.Match[str]) -> str:
        return f'class="{styles.setdefault(own.get(match[1], ""), f"s{len(styles)}")}"'

    start = SCREEN.search(screen)
    assert start
    found = []
    for element in ELEMENT.findall(screen, start.end()):
        element = re.sub(r' (clip-path|shape-rendering|stroke)="[^"]*"', "", element)
        element = re.sub(r'(="\d+\.\d)\d+"', r'\1"', element)
        element = re.sub(r'class="(terminal-\d+-r\d+)"', shared, element)
        if 'fill="#121212"' not in element:
            found.append(element)
    return found
