"""The one look of evlab's pictures: colours, fonts, sizes, and what makes a foreign text safe to draw.

The same thing looks the same in SVG, in matplotlib and in playgrounds. Colours are Okabe and Ito's, which people with
any kind of colour vision tell apart; even so, no colour carries a meaning that a form or a word does not carry too.
"""

from __future__ import annotations

import unicodedata
from html import escape as _escape
from typing import NamedTuple

__all__ = ["BLUE", "CARD", "FONT", "GREEN", "GREY", "HIGHLIGHT", "INK", "LINE", "LINE_HEIGHT", "MUTED", "ORANGE",
           "PURPLE", "ROLES", "SIZE", "SKY", "SLATE", "SMALL", "TITLE", "TONES", "VERMILLION", "Tone", "escape",
           "safe", "sentence", "use_theme", "width_of"]


class Tone(NamedTuple):
    """One colour in the three strengths that a picture needs."""

    main: str
    """For lines, borders and solid marks."""
    tint: str
    """For areas with text on them."""
    text: str
    """For words: readable (contrast of 4.5 and more) on white and on the tint."""


BLUE = Tone("#0072B2", "#E4F0F8", "#005F96")
ORANGE = Tone("#E69F00", "#FDF1D9", "#7D5600")
GREY = Tone("#5F6B7A", "#EDF0F3", "#4A5563")
GREEN = Tone("#009E73", "#E2F4EE", "#006B4E")
PURPLE = Tone("#CC79A7", "#F9ECF3", "#8C3F6A")
SKY = Tone("#56B4E9", "#E7F4FC", "#1D6591")
VERMILLION = Tone("#D55E00", "#FCE9DD", "#A64400")
TONES = {"blue": BLUE, "orange": ORANGE, "grey": GREY, "green": GREEN, "purple": PURPLE, "sky": SKY,
         "vermillion": VERMILLION}

ROLES = {"producer": BLUE, "event": ORANGE, "store": GREY, "consumer": GREEN, "view": PURPLE, "waiting": SKY,
         "failure": VERMILLION}
"""The tone of each kind of thing in the course's visual vocabulary."""

INK, SLATE, MUTED, LINE = "#1B2733", "#3B4754", "#566270", "#C3CBD4"
"""Words; plain arrows; lesser words; thin lines."""
CARD, HIGHLIGHT = "#FFFFFF", "#FFE694"

FONT = "'Segoe UI','Helvetica Neue',Roboto,Arial,'Liberation Sans','DejaVu Sans',sans-serif"
TITLE, SIZE, SMALL = 17, 13, 12
"""Sizes of text in px. The smallest is 12, so that a picture shown at 92 % of its width still has 11."""
LINE_HEIGHT = 1.3

# How wide a letter is in DejaVu Sans, in thousandths of the font's size, for the characters 32 to 126. It is the
# widest of the fonts above, so a text measured by it fits in all of them.
_REGULAR = (
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636, 636, 636, 636, 636, 636, 636,
    636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684, 686, 698, 770, 632, 575, 775, 752, 295, 295, 656, 557, 863,
    748, 787, 603, 787, 695, 635, 611, 732, 684, 989, 685, 611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550, 635,
    615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612, 635, 635, 411, 521, 392, 634, 592, 818, 592, 592, 525, 636,
    337, 636, 838)
_BOLD = (
    348, 456, 521, 838, 696, 1002, 872, 306, 457, 457, 523, 838, 380, 415, 380, 365, 696, 696, 696, 696, 696, 696, 696,
    696, 696, 696, 400, 400, 838, 838, 838, 580, 1000, 774, 762, 734, 830, 683, 683, 821, 837, 372, 372, 775, 637, 995,
    837, 850, 733, 850, 770, 720, 682, 812, 774, 1103, 771, 724, 725, 457, 365, 457, 838, 500, 500, 675, 716, 593, 716,
    678, 435, 716, 712, 343, 343, 665, 343, 1042, 712, 687, 716, 716, 493, 595, 478, 712, 652, 924, 645, 652, 582, 712,
    365, 712, 838)


def width_of(text: str, size: float = SIZE, bold: bool = False) -> float:
    """How many px a text takes at most, in any of the fonts."""
    table = _BOLD if bold else _REGULAR
    total = 0
    for char in text:
        code = ord(char)
        total += table[code - 32] if 32 <= code < 127 else _foreign_width(char)
    return total * size / 1000


def _foreign_width(char: str) -> int:
    category = unicodedata.category(char)
    if category in ("Mn", "Me", "Cf"):
        return 0
    if ord(char) > 0x1F000:
        return 1300
    if category == "Ll":
        return 760
    return 1000 if ord(char) < 0x300 else 1200 if category[0] == "L" else 1050


def safe(text: object, limit: int = 2000) -> str:
    """`text` as one line that cannot misbehave, cut to `limit` characters.

    Newlines become spaces. Control characters become their pictures (␀, ␛). What turns the writing direction, hides
    itself or is no character at all (a lone surrogate) becomes �. At most two marks stay stacked on one letter.
    """
    text = str(text)
    if len(text) > limit:
        text = text[:limit - 1] + "…"
    if text.isascii() and text.isprintable():
        return text
    out, stacked = [], 0
    for char in text:
        category = unicodedata.category(char)
        stacked = stacked + 1 if category in ("Mn", "Me") else 0
        if stacked <= 2:
            out.append(_harmless(char, category))
    return "".join(out)


def _harmless(char: str, category: str) -> str:
    code = ord(char)
    if char in "\t\n\r" or category in ("Zl", "Zp"):
        return " "
    if category == "Cc":
        return chr(0x2400 + code) if code < 32 else "␡" if code == 127 else "�"
    if char in "\u200c\u200d":  # they join letters in Persian and people in emoji
        return char
    if category in ("Cs", "Cf") or code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF or code == 0xFDFD:
        return "�"
    return char


def escape(text: object, limit: int = 2000) -> str:
    """`safe(text)`, ready to stand in XML or HTML, in quotes too."""
    return _escape(safe(text, limit), quote=True)


def sentence(title: str) -> str:
    """A title as a sentence, to be followed by another."""
    title = safe(title, 300).strip()
    return title if title.endswith((".", "?", "!", ":", "…")) else title + "."


def use_theme() -> None:
    """Make matplotlib draw as the rest of evlab does. Call it once, before the first plot."""
    import matplotlib
    from cycler import cycler

    order = [BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY, GREY]
    matplotlib.rcParams.update({
        "figure.figsize": (9, 3.6), "figure.dpi": 100, "savefig.dpi": 100,
        "figure.facecolor": CARD, "savefig.facecolor": CARD, "axes.facecolor": CARD,
        "figure.constrained_layout.use": True,
        "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "font.size": 9.5,
        "text.color": INK, "axes.labelcolor": MUTED, "axes.edgecolor": LINE, "axes.linewidth": 1.0,
        "axes.titlesize": 12.5, "axes.titleweight": "bold", "axes.titlelocation": "left", "axes.titlepad": 12,
        "axes.titlecolor": INK, "axes.spines.top": False, "axes.spines.right": False, "axes.axisbelow": True,
        "axes.grid": True, "axes.grid.axis": "y", "grid.color": GREY.tint, "grid.linewidth": 1.0,
        "xtick.color": LINE, "ytick.color": LINE, "xtick.labelcolor": MUTED, "ytick.labelcolor": MUTED,
        "xtick.labelsize": 9, "ytick.labelsize": 9, "legend.fontsize": 9, "legend.frameon": False,
        "lines.linewidth": 2.0, "lines.solid_capstyle": "round", "patch.linewidth": 1.0, "hatch.linewidth": 1.2,
        # each line differs in dash as well as in colour
        "axes.prop_cycle": cycler(color=[tone.main for tone in order])
        + cycler(linestyle=["-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1))]),
        "svg.hashsalt": "evlab", "svg.fonttype": "path",
    })
