"""The wall of an event storming, drawn: every note in its row and column, and the same in words."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evlab.errors import InvalidUse
from evlab.viz import wall
from evlab.viz.board import YELLOW, _draw
from evlab.viz.svg import Svg
from evlab.widgets.board import DONE, PAGE
from evlab.widgets.missing import missing
from evlab.widgets.storm import KINDS, Board

LETTERS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(
    lambda text: any(map(str.isalnum, text)))


def drawn(board, **more):
    svg = Svg(900, "A title", "words")
    _draw(svg, board, 8, more.get("here", ""), more.get("at", 0), set(more.get("marked", ())))
    svg.render(2000)
    return svg


def test_every_note_is_drawn_once_in_its_column_and_told_in_words():
    picture = wall(DONE, title="Five contexts")
    assert set(picture.notes) == {note.id for note in DONE.notes}
    for note in DONE.notes:
        box, column = picture.notes[note.id], picture.columns[note.column]
        assert box.inside(column)
    boxes = list(picture.notes.values())
    assert not any(one.meets(other) for number, one in enumerate(boxes) for other in boxes[number + 1:])
    assert "  6 inventory: whenever CardDeclined; command ReleaseStock; aggregate Stock item" in picture.text
    assert "8 policies, 8 commands" in picture.alt and "5 bounded contexts" in picture.alt


def test_what_breaks_a_rule_has_a_sign_and_the_chosen_note_a_light():
    marked = [one.note for one in missing(PAGE)]
    picture = wall(PAGE, title="Holes", here="n2", marked=marked)
    signs = [node.text for node in ElementTree.fromstring(picture.svg).iter("{http://www.w3.org/2000/svg}text")]
    assert signs.count("!") == len(set(marked)) and "event ReceiptSent (!)" in picture.text
    assert "command PlaceOrder <-;" in picture.text and "#FFE694" in picture.svg
    assert "#FFE694" not in wall(PAGE, title="Holes").svg


@pytest.mark.parametrize("board", [PAGE, DONE, Board()], ids=["page", "done", "empty"])
def test_no_word_leaves_the_page_or_lies_on_another(board):
    svg = drawn(board, here="n1", at=1, marked=[note.id for note in board.notes])
    assert svg.overflow() == [] and svg.collisions() == []


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(KINDS)), LETTERS, st.integers(1, 8)), max_size=10), LETTERS)
def test_any_text_stays_on_its_note(notes, context):
    board = Board(contexts={2: context})
    for kind, text, column in notes:
        if len(board.cell(KINDS[kind], column)) < 2:
            board.add(kind, text, column)
    svg = drawn(board, marked=[note.id for note in board.notes])
    assert svg.overflow() == [] and svg.collisions() == []


def test_the_yellow_of_an_aggregate_reads_on_its_tint_and_a_title_is_needed():
    def light(colour):
        parts = [int(colour[place:place + 2], 16) / 255 for place in (1, 3, 5)]
        parts = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    assert (light(YELLOW.tint) + 0.05) / (light(YELLOW.text) + 0.05) >= 4.5
    with pytest.raises(InvalidUse):
        wall(DONE, title=" ")
