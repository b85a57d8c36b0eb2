"""The crash table: each cell says what became of the effect, by form and by word, and the text twin says the same."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from evlab.errors import InvalidUse
from evlab.viz import crash_table
from evlab.viz.crashtable import OUTCOMES
from evlab.viz.theme import GREEN, SKY, VERMILLION

NAMESPACE = "{http://www.w3.org/2000/svg}"
COLUMNS = {"received": "crash", "charged": "crash", "ack lost": "drop", "twice at once": "duplicate"}
RESULTS = {"ack, charge": {"received": "lost", "charged": "once"},
           "charge, ack": {"received": "once", "charged": "twice", "ack lost": "twice", "twice at once": "twice"},
           "ask a person": {"received": "once", "charged": "unknown"},
           "inbox": {"received": "once", "charged": "once", "ack lost": "once", "twice at once": "once"}}


def draw(results=RESULTS, columns=COLUMNS, title="Only the inbox is once at every point", **more):
    return crash_table(results, columns, title=title, **more)


def texts_of(figure):
    return [element.text for element in ElementTree.fromstring(figure.svg).iter(f"{NAMESPACE}text")]


def row_of(figure, design):
    """The cells of a design in the text twin."""
    [line] = [line for line in figure.text.splitlines() if line[2:].startswith(f"{design} ")]
    return line[2 + len(design):].split()


def test_the_words_hold_every_cell():
    figure = draw()
    assert row_of(figure, "ack, charge") == ["lost", "once", "–", "–"]
    assert row_of(figure, "charge, ack") == ["once", "twice", "twice", "twice"]
    assert row_of(figure, "ask a person") == ["once", "unknown", "–", "–"]
    assert row_of(figure, "inbox") == ["once"] * 4
    heads = next(line for line in figure.text.splitlines() if "received" in line)
    assert re.split(r"\s{2,}", heads.strip()) == list(COLUMNS)


def test_the_words_stand_under_their_columns():
    lines = draw().text.splitlines()
    heads, row = (next(line for line in lines if word in line) for word in ("received", "charge, ack"))
    assert [heads.index(name) for name in COLUMNS] == [found.start() for found in re.finditer("once|twice", row)]
    bolts = next(line for line in lines if "⚡" in line)
    assert [found.start() for found in re.finditer("⚡", bolts)] == [heads.index("received"), heads.index("charged")]


def test_the_picture_has_the_words_of_every_cell_too():
    texts = texts_of(draw())
    cells = [outcome for row in RESULTS.values() for outcome in row.values()]
    for outcome in OUTCOMES:
        assert texts.count(outcome) == cells.count(outcome)
    assert texts.count("–") == 4
    assert {*RESULTS, *COLUMNS} <= set(texts)


@pytest.mark.parametrize(("outcome", "form"), [
    ("once", rf'<rect [^>]*fill="{GREEN.tint}"[^>]*/>'), ("lost", r'<rect [^>]*stroke-dasharray="5 4"/>'),
    ("twice", rf'<rect [^>]*fill="{VERMILLION.tint}"[^>]*/>'), ("unknown", rf"url\(#hatch-{SKY.main[1:]}\)")])
def test_each_outcome_has_a_form_of_its_own(outcome, form):
    """In the cell and in the legend; of a repeat two boxes, one on the other."""
    figure = draw({"one": {"received": outcome}}, {"received": "crash"})
    others = [draw({"one": {"received": other}}, {"received": "crash"}) for other in OUTCOMES if other != outcome]
    assert len(re.findall(form, figure.svg)) == (4 if outcome == "twice" else 2)
    assert not any(re.search(form, other.svg) for other in others)


def test_a_tick_is_for_the_design_that_is_once_wherever_it_was_tried():
    figure = draw()
    ticked = [line[2:].split("  ")[0] for line in figure.text.splitlines() if line.startswith("✓")]
    assert ticked == ["inbox"]
    assert figure.alt.endswith("inbox: once in every column.")
    assert "ack, charge: lost at received." in figure.alt
    assert "charge, ack: twice at charged, ack lost, twice at once." in figure.alt
    assert draw({"idle": {}}).alt.endswith("idle: not tried.")


def test_the_legend_and_the_heads_name_what_occurs_and_nothing_else():
    figure = draw({"inbox": {"received": "once"}}, {"received": "crash"})
    assert "once: the effect happened once" in texts_of(figure)
    assert not any(word in text for text in texts_of(figure) for word in ("lost", "twice", "no such point"))
    assert "no such point" in draw().svg
    assert "⚡" not in draw({"inbox": {"received": "once"}}, {"received": ""}).text


def test_notes_stand_in_both():
    figure = draw(notes={"inbox": "one transaction"})
    assert "one transaction" in texts_of(figure)
    assert "  inbox: one transaction" in figure.text.splitlines()


def test_nothing_leaves_the_page_or_lies_on_another(drawings):
    wide = {f"after the step number {n}": kind for n, kind in enumerate(["crash"] * 6 + ["drop", "duplicate"])}
    outcomes = [*OUTCOMES] * 2
    many = {f"a design with a long name {n}": dict(zip(wide, outcomes[n % 4:] + outcomes[:n % 4], strict=True))
            for n in range(12)}
    draw()
    draw(many, wide, notes=dict.fromkeys(many, "and a note that is far too long for its place"))
    draw({"one": {"received": "once"}}, {"received": "crash"})
    assert [(drawing.overflow(), drawing.collisions()) for drawing in drawings] == [([], [])] * 3
    assert all(drawing.width <= 900 for drawing in drawings)


def test_seven_columns_have_room_for_every_outcome():
    columns = {f"point {n}": "crash" for n in range(7)}
    for outcome in OUTCOMES:
        assert texts_of(draw({"one": dict.fromkeys(columns, outcome)}, columns)).count(outcome) == 7


def test_hostile_names_do_no_harm(hostile, drawings):
    figure = draw({hostile: {hostile: "once"}}, {hostile: "crash"}, title=f"x{hostile}", notes={hostile: hostile})
    ElementTree.fromstring(figure.svg)
    assert drawings[0].overflow() == []
    assert "<script" not in figure.html


def test_it_draws_the_same_twice():
    assert draw().svg == draw().svg


@pytest.mark.parametrize(("changes", "word"), [
    ({"title": " "}, "title"), ({"results": {}}, "0 designs"), ({"columns": {}}, "0 columns"),
    ({"results": {str(n): {} for n in range(13)}}, "13 designs"),
    ({"columns": {str(n): "" for n in range(9)}, "results": {"one": {}}}, "9 columns"),
    ({"results": {"one": {"received": "thrice"}}}, "thrice"),
    ({"results": {"one": {"elsewhere": "once"}}}, "elsewhere"),
    ({"columns": {"received": "flood"}, "results": {"one": {}}}, "flood")])
def test_what_it_cannot_draw_is_refused(changes, word):
    with pytest.raises(InvalidUse, match=word):
        draw(**changes)
