"""Letters of three by five dots, for the legends of pictures."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool

HEIGHT, ADVANCE = 5, 4
# Each glyph is five rows of three dots, as octal digits from the top down.
GLYPHS = {
    "0": "75557", "1": "26227", "2": "71747", "3": "71717", "4": "55711",
    "5": "74717", "6": "74757", "7": "71122", "8": "75757", "9": "75717",
    "A": "25755", "B": "65656", "C": "34443", "D": "65556", "E": "74647",
    "F": "74644", "G": "34553", "H": "55755", "I": "72227", "J": "11152",
    "K": "55655", "L": "44447", "M": "57755", "N": "65555", "O": "25552",
    "P": "65644", "Q": "25563", "R": "65655", "S": "34216", "T": "72222",
    "U": "55557", "V": "55552", "W": "55775", "X": "55255", "Y": "55222",
    "Z": "71247", ".": "00002", "-": "00700", "+": "02720", "=": "07070",
    ",": "00024", ":": "02020", "/": "11244", "_": "00007", "(": "12221", ")": "42224",
}  # fmt: skip


def lettered(text: str, scale: int = 1) -> Bool[np.ndarray, "height width"]:
    """Which dots of a line of text are set; letters without a glyph are left blank."""
    line = np.zeros((HEIGHT, ADVANCE * len(text)), dtype=bool)
    for place, letter in enumerate(text.upper()):
        for row, digit in enumerate(GLYPHS.get(letter, "00000")):
            dots = [int(digit) >> bit & 1 for bit in (2, 1, 0)]
            line[row, ADVANCE * place : ADVANCE * place + 3] = dots
    return line.repeat(scale, 0).repeat(scale, 1)
