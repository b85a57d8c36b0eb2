"""The post-mortem's form: every section is answered, each action has a test, and both forms say the same."""

from __future__ import annotations

import pytest

from evlab.course.incident_report import ASKS, Action, PostMortem
from evlab.errors import InvalidUse

FILLED = {
    "began": "14:05", "noticed": "14:45", "closed": "17:00", "summary": "Orders waited.",
    "impact": {"late": "531 orders"}, "timeline": [("14:45", "support calls", "telephone"), ("14:05", "a | b", "log")],
    "causes": ["no limit of attempts"], "lasted": ["no alert"], "well": ["nothing lost"], "luck": ["it ended"],
    "actions": [("give up after three", "stops the harm", "inventory", "today", "217 open → 123")]}


def test_the_page_and_the_markdown_hold_every_section_in_order():
    report = PostMortem("Late <orders>", **FILLED)
    shown = report._repr_mimebundle_()
    for text in (str(report), shown["text/plain"], shown["text/html"]):
        places = [text.index(name) for name in ASKS]
        assert places == sorted(places) and "217 open → 123" in text
    assert "noticed 14:45 (after 40 minutes), closed 17:00 (after 175)" in report.head
    assert "Late &lt;orders&gt;" in shown["text/html"]


def test_the_timeline_is_in_order_and_a_bar_does_not_break_its_table():
    lines = str(PostMortem("x", **FILLED)).splitlines()
    rows = [line for line in lines if line.startswith("| 14:")]
    assert rows == ["| 14:05 | a \\| b | log |", "| 14:45 | support calls | telephone |"]


@pytest.mark.parametrize(("field", "name"), list(zip(
    ["summary", "impact", "timeline", "causes", "lasted", "well", "luck", "actions"], ASKS, strict=True)))
def test_a_section_without_an_answer_is_asked_for(field, name):
    empty = "" if field == "summary" else {} if field == "impact" else []
    with pytest.raises(InvalidUse) as raised:
        PostMortem("x", **FILLED | {field: empty})
    assert name in str(raised.value) and ASKS[name] in str(raised.value)


@pytest.mark.parametrize("field", ["owner", "until", "test"])
def test_an_action_without_an_owner_a_date_or_a_test_is_a_wish(field):
    action = Action(*FILLED["actions"][0])._replace(**{field: " "})
    with pytest.raises(InvalidUse, match=field):
        PostMortem("x", **FILLED | {"actions": [action]})


def test_a_time_that_is_none_is_refused():
    with pytest.raises(InvalidUse, match="time of day"):
        PostMortem("x", **FILLED | {"timeline": [("noon", "lunch", "canteen")]})
