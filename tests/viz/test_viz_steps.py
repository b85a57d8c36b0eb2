"""Steps: a state drawn over the events that made it."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evlab.errors import InvalidUse
from evlab.viz import Step, steps

NAMESPACE = "{http://www.w3.org/2000/svg}"
WEEK = [("AccountOpened", 0), ("Deposited", 1000, "+1,000"), ("Withdrawn", 700, "−300"), ("Withdrawn", 500, "−200")]


def texts_of(figure):
    return [element.text for element in ElementTree.fromstring(figure.svg).iter(f"{NAMESPACE}text")]


def clean(drawing):
    return drawing.overflow() == [] and drawing.collisions() == []


def test_each_event_shows_its_version_its_value_and_what_it_changed(drawings):
    figure = steps(WEEK, title="Four events")
    shown = texts_of(figure)
    assert {"Four events", "1", "2", "3", "4", "1,000", "700", "500", "+1,000", "−300", "Withdrawn"} <= set(shown)
    assert clean(drawings[-1])
    assert figure.alt == "Four events. 4 events; state after version 4: 500."
    assert [line.split() for line in figure.text.splitlines()[2:]] == [
        ["1", "AccountOpened", "0"], ["2", "Deposited", "1,000"], ["3", "Withdrawn", "700"], ["4", "Withdrawn", "500"]]


def test_what_comes_after_the_version_that_is_looked_at_is_not_there_yet(drawings):
    figure = steps(WEEK, title="On Tuesday", here=3)
    assert "state after version 3: 700" in figure.alt
    assert [line.endswith("not yet") for line in figure.text.splitlines()] == [False] * 5 + [True]
    assert figure.text.splitlines()[4].startswith(">")
    assert "500" not in texts_of(figure)[texts_of(figure).index("700"):], "the value to come is not told"
    assert clean(drawings[-1])


def test_before_the_first_event_there_is_the_start(drawings):
    figure = steps(WEEK, title="Nothing yet", here=0, start=5)
    assert "before the first event: 5" in figure.text and "state after version 0: 5" in figure.alt
    assert "700" not in texts_of(figure) and clean(drawings[-1])


def test_two_folds_of_the_same_events_are_told_apart_by_form_and_word(drawings):
    figure = steps(WEEK, title="They part", here=3, beside=[0, 1000, 600, 400], names=("as shipped", "fixed"))
    assert {"as shipped", "fixed", "700", "600", "500", "400"} <= set(texts_of(figure))
    assert "(fixed: 600)" in figure.text and "(fixed: 1,000)" not in figure.text and "not yet" not in figure.text
    assert "as shipped after version 3: 700, fixed: 600" in figure.alt
    assert 'stroke-dasharray="6 4"' in figure.svg and clean(drawings[-1])


def test_a_step_is_a_step_or_a_tuple():
    assert steps([Step("Opened", 0)], title="One").svg == steps([("Opened", 0)], title="One").svg


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(-10**9, 10**9), st.integers(-9, 9)), min_size=1, max_size=60), st.data())
def test_any_values_can_be_drawn_and_words_keep_apart(pairs, data):
    from evlab.viz.svg import Svg

    seen, render = [], Svg.render
    here = data.draw(st.one_of(st.none(), st.integers(0, len(pairs))))
    beside = data.draw(st.one_of(st.none(), st.just([a + b for a, b in pairs])))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Svg, "render", lambda svg, height: seen.append(svg) or render(svg, height))
        rows = [("Moved", value, f"{change:+}") for value, change in pairs]
        figure = steps(rows, title="t", here=here, beside=beside)
    ElementTree.fromstring(figure.svg)
    assert clean(seen[-1])


def test_hostile_words_do_no_harm_in_steps(hostile, drawings):
    figure = steps([(hostile, 1, hostile)] * 3, title=f"x{hostile}", beside=[2, 3, 4], names=(hostile, hostile))
    ElementTree.fromstring(figure.svg)
    assert "<script" not in figure.svg and drawings[-1].overflow() == []


@pytest.mark.parametrize("arguments", [
    {"events": []}, {"events": [("e", 1)] * 61}, {"title": " "}, {"events": [("e", "1")]}, {"events": [("e", True)]},
    {"events": [("e", float("nan"))]}, {"events": [("e", 1e13)]}, {"here": 5}, {"here": -1}, {"here": True},
    {"beside": [1, 2]}, {"beside": [0, 1, 2, "3"]}, {"start": None}])
def test_steps_that_make_no_sense_are_refused(arguments):
    arguments = {"events": WEEK, "title": "t", **arguments}
    with pytest.raises(InvalidUse):
        steps(arguments.pop("events"), **arguments)


def test_the_same_steps_give_the_same_bytes():
    assert steps(WEEK, title="t", here=2).svg == steps(list(WEEK), title="t", here=2).svg
