"""The builder: words are safe, measured and remembered; the same calls give the same bytes."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evlab.viz import theme
from evlab.viz.svg import Box, Svg, clip, round_step, wrap
from evlab.viz.theme import escape, safe, width_of

NAMESPACE = "{http://www.w3.org/2000/svg}"


def luminance(colour):
    parts = [int(colour[i:i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", theme.TONES)
def test_words_in_each_tone_are_readable_on_white_and_on_its_tint(name):
    tone = theme.TONES[name]
    assert contrast(tone.text, theme.CARD) >= 4.5
    assert contrast(tone.text, tone.tint) >= 4.5
    assert contrast(theme.INK, tone.tint) >= 4.5


def test_plain_words_are_readable_on_every_ground_they_stand_on():
    for colour in (theme.INK, theme.MUTED):
        for ground in (theme.CARD, "#F6F8FA", "#FFF3C4"):
            assert contrast(colour, ground) >= 4.5


def test_the_main_colours_are_okabe_and_itos():
    mains = {tone.main for tone in theme.TONES.values()}
    assert mains >= {"#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"}


def test_no_text_is_smaller_than_11_px_when_the_card_is_shown_at_92_percent():
    assert min(theme.SMALL, theme.SIZE, theme.TITLE) * 0.92 >= 11


@settings(deadline=None)
@given(st.text(st.characters(), max_size=300))
def test_any_text_becomes_well_formed_xml_and_reads_as_safe_says(text):
    svg = Svg(300, text, text)
    svg.text(10, 20, text)
    root = ElementTree.fromstring(svg.render(40))
    assert root.find(f"{NAMESPACE}title").text == (safe(text, 300) or None)
    drawn = [element.text for element in root.iter(f"{NAMESPACE}text")]
    assert drawn == ([safe(text)] if safe(text).strip() else [])


@settings(deadline=None)
@given(st.text(st.characters(), max_size=200))
def test_safe_text_holds_nothing_that_controls_or_turns_or_breaks(text):
    result = safe(text)
    result.encode("utf-8")
    assert not set(result) & set("\x00\x07\x1b\x7f\x85\n\r\t\u2028\u202e\u202d\u2066\u2069\u200e\u200f\ufeff\uffff")
    assert safe(result) == result


def test_safe_text_shows_control_characters_and_cuts_what_is_too_long():
    assert safe("a\x1b[31m") == "a␛[31m"
    assert safe("x" * 10_000, 50) == "x" * 49 + "…"
    assert len(safe("e" + "\u0301" * 500)) == 3


def test_escaped_text_cannot_leave_its_attribute():
    assert escape("\"'><&") == "&quot;&#x27;&gt;&lt;&amp;"


def test_width_is_that_of_dejavu_sans_the_widest_of_the_fonts():
    from pathlib import Path

    import matplotlib
    from fontTools.ttLib import TTFont

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for file, bold in (("DejaVuSans.ttf", False), ("DejaVuSans-Bold.ttf", True)):
        font = TTFont(folder / file)
        glyphs, widths, units = font.getBestCmap(), font["hmtx"], font["head"].unitsPerEm
        for text in ("OrderPlaced order-1042", "~!@#$%^&*() WMwm", "λ μ → · … ✓ × ≥ é Ж"):
            real = sum(widths[glyphs[ord(char)]][0] for char in text) / units * 13
            assert real <= width_of(text, 13, bold) + 0.1


@settings(deadline=None)
@given(st.text(max_size=120), st.integers(20, 400))
def test_a_clipped_line_fits(text, width):
    assert width_of(clip(text, width), theme.SIZE) <= max(width, width_of("…"))


@settings(deadline=None)
@given(st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=200), st.integers(40, 400))
def test_wrapped_lines_fit_and_hold_every_letter(text, width):
    lines = wrap(text, width, lines=200)
    assert all(width_of(line) <= max(width, width_of("W" * 2)) + 0.01 for line in lines)
    if not any(line.endswith("…") for line in lines):
        assert "".join("".join(lines).split()) == "".join(safe(text).split())


def test_wrapping_keeps_to_its_lines_and_marks_what_is_left_out():
    lines = wrap("one two three four five six seven", 60, lines=2)
    assert len(lines) == 2 and lines[-1].endswith("…")


def test_the_same_calls_give_the_same_bytes_with_one_decimal():
    def draw():
        svg = Svg(200, "title", "desc")
        svg.arrow((1 / 3, 2), (100, 50), lit=True, form="double")
        svg.cylinder(10, 10, 60, 40, "view", theme.PURPLE)
        svg.hatch(-0.01, 2.25, 30, 30, theme.SKY)
        return svg.render(60)

    assert draw() == draw()
    for number in ElementTree.fromstring(draw()).iter(f"{NAMESPACE}rect"):
        assert all(len(value.partition(".")[2]) <= 1 for value in (number.get("x", "0"), number.get("y", "0")))
    assert 'x="-0"' not in draw()


def test_words_that_leave_the_page_are_found():
    svg = Svg(100, "t", "d")
    svg.text(90, 20, "too far right")
    svg.text(10, 20, "ok")
    svg.render(30)
    assert svg.overflow() == ["too far right"]


def test_words_on_words_and_words_on_marks_are_found():
    svg = Svg(300, "t", "d")
    svg.text(10, 20, "first")
    svg.text(15, 22, "second")
    svg.text(200, 20, "far away")
    svg.bolt(205, 16)
    svg.render(40)
    assert svg.collisions() == [("first", "second"), ("far away", "mark")]


def test_a_picture_says_what_it_is_to_a_screen_reader():
    root = ElementTree.fromstring(Svg(100, "The finding", "All of it").render(50))
    assert root.get("role") == "img"
    assert root.find(f"{NAMESPACE}title").text == "The finding"
    assert root.find(f"{NAMESPACE}desc").text == "All of it"
    assert root.get("viewBox") == "0 0 100 50"


def test_every_form_can_be_drawn_and_is_well_formed():
    svg = Svg(400, "t", "d")
    svg.box(10, 10, 100, 50, "email", theme.GREEN, sub="crashed", dash="4 4", hatch=True)
    svg.cylinder(120, 10, 80, 60, "orders", theme.PURPLE)
    assert svg.cells(10, 80, ["0", "1", "2"], theme.GREY, hatched=1) == 82
    for index, form in enumerate(("arrow", "cross", "double", "open", "hidden")):
        svg.arrow((10, 120 + 10 * index), (90, 120 + 10 * index), form=form)
    for index, sign in enumerate(("ok", "fail", "?", "12")):
        svg.badge(120 + 20 * index, 120, sign, theme.BLUE)
    svg.bolt(250, 120)
    root = ElementTree.fromstring(svg.render(200))
    assert root.find(f"{NAMESPACE}defs") is not None
    assert svg.overflow() == []


def test_boxes_meet_when_they_overlap_or_come_too_near():
    box = Box(0, 0, 10, 10)
    assert box.meets(Box(9, 9, 20, 20)) and not box.meets(Box(10, 0, 20, 10))
    assert box.meets(Box(12, 0, 20, 10), gap=3) and box.inside(Box(0, 0, 10, 10))


@settings(deadline=None)
@given(st.floats(1e-6, 1e9), st.integers(2, 10))
def test_a_round_step_makes_the_span_in_few_enough_steps(span, most):
    step = round_step(span, most)
    assert span / step <= most * 1.001
    assert f"{step:e}"[0] in "125"


def test_matplotlib_takes_the_theme():
    import matplotlib

    with matplotlib.rc_context():
        theme.use_theme()
        cycle = matplotlib.rcParams["axes.prop_cycle"]
        assert cycle.by_key()["color"][:2] == [theme.BLUE.main, theme.VERMILLION.main]
        assert len({repr(style) for style in cycle.by_key()["linestyle"]}) == len(cycle)
        pixels = matplotlib.rcParams["figure.dpi"] / 72
        assert min(matplotlib.rcParams[f"{name}.labelsize"] for name in ("xtick", "ytick")) * pixels >= 11
        assert matplotlib.rcParams["figure.figsize"][0] * matplotlib.rcParams["figure.dpi"] <= 900
