"""The two sides: what is written, what is made from it, and who is behind."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from evlab.errors import InvalidUse
from evlab.viz import Reader, cqrs

NAMESPACE = "{http://www.w3.org/2000/svg}"
FOUR = [Reader("order list", "20 largest open", 3942), ("search", "who bought mugs?", 3942),
        Reader("report", "revenue by country", 3000), Reader("mailer", "receipts", 3942, "reactor")]


def texts_of(figure):
    return [element.text for element in ElementTree.fromstring(figure.svg).iter(f"{NAMESPACE}text")]


def clean(drawing):
    return drawing.overflow() == [] and drawing.collisions() == []


def test_it_shows_both_sides_with_names_questions_and_positions(drawings):
    figure = cqrs(FOUR, title="One store, three answers", end=3942, commands="Place, Ship")
    shown = texts_of(figure)
    assert {"write side", "read side", "command handler", "event store", "3,942 events", "3942", "3937", "Place, Ship",
            "order list", "20 largest open", "at event 3,942", "942 behind, at 3,000", "reactor",
            "receipts"} <= set(shown)
    assert shown.count("query handler") == 3 and shown.count("outside") == 1
    assert clean(drawings[-1])


def test_the_words_and_the_alternative_text_name_who_is_behind():
    figure = cqrs(FOUR, title="One store", end=3942)
    assert "Behind: report by 942." in figure.alt and "3,942 events" in figure.alt
    lines = figure.text.split("\n")
    assert lines[0] == "One store" and len(lines) == 3 + len(FOUR)
    assert "at event 3,000, 942 behind" in figure.text and figure.text.count("behind") == 1
    assert "None is behind." in cqrs(FOUR[:2], title="One store", end=3942).alt


def test_only_who_is_behind_is_hatched():
    assert "url(#hatch" not in cqrs(FOUR[:2], title="t", end=3942).svg
    assert cqrs(FOUR, title="t", end=3942).svg.count('fill="url(#hatch') == 1


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("end", [0, 1, 4, 1_234_567_890])
def test_any_number_of_readers_and_events_fits(count, end, drawings):
    long = "a question that is too long for its box, by far"
    readers = [(f"reader number {n}", long, end // 3) for n in range(count)]
    figure = cqrs(readers, title="Whatever the numbers, words stand apart", end=end)
    assert clean(drawings[-1])
    assert ("1 event" in texts_of(figure)) == (end == 1)


def test_hostile_names_do_no_harm(hostile, drawings):
    readers = [(hostile, hostile, 7), (hostile, hostile, 0, "reactor")]
    figure = cqrs(readers, title=f"x{hostile}", end=9, commands=hostile)
    assert "<script" not in figure.svg and clean(drawings[-1])


@pytest.mark.parametrize("arguments", [
    {"readers": []}, {"readers": [("r", "q", 1)] * 5}, {"title": " "}, {"title": None}, {"readers": [("r", "q", 10)]},
    {"readers": ["report"]}, {"readers": [("r", "q")]},
    {"readers": [("r", "q", -1)]}, {"readers": [("r", "q", 1.5)]}, {"readers": [("r", "q", 1, "table")]},
    {"end": -1}, {"end": True}, {"end": None}])
def test_what_makes_no_picture_is_refused(arguments):
    with pytest.raises(InvalidUse):
        cqrs(**{"readers": [("r", "q", 1)], "title": "t", "end": 9, **arguments})
