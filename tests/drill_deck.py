"""A small deck with one card of each kind, and a course folder that holds it, for the tests of the drills."""

from __future__ import annotations

import copy
import json
import pathlib

import yaml

BAD = "<img src=x onerror=window.pwned=1><script>window.pwned=1</script>"
CODE = """from evlab import Bus, Event
bus, seen = Bus(), []
bus.publish(Event(type="OrderPlaced", data={}, source="shop", id="e1"))
bus.subscribe("#", lambda event: seen.append(event.id), name="email")
bus.publish(Event(type="OrderPlaced", data={}, source="shop", id="e2"))
print("seen:", seen)"""
PROOF = {"code": CODE, "holds": "seen == ['e2']", "fails": "seen == ['e1', 'e2']"}
REST = {"pitfalls": ["They take the bus for a log."], "follow_ups": ["How would you give it the past?"],
        "proof": PROOF}
CARDS = [
    {"id": "late-subscriber", "level": "junior", "kind": "choice", "notebook": "01", "syllabus": ["takeaway-1"],
     "prompt": "Email subscribes after `e1`, before `e2`. What does it see?",
     "answer": "`e2` alone. A bus keeps no past.",
     "options": [{"text": "e1 and e2", "why": "A log would do that; a bus keeps nothing."},
                 {"text": "e2 alone", "right": True, "why": "It was subscribed when e2 came."},
                 {"text": BAD, "why": "No " + BAD}], **REST},
    {"id": "four-steps", "level": "junior", "kind": "order", "notebook": "01",
     "prompt": "A handler fails three times. In which order does it go?",
     "answer": "Handle, wait, handle again, dead letter.",
     "items": ["handle", "wait", "handle again", "dead letter"], **REST},
    {"id": "no-ack", "level": "mid", "kind": "cloze", "notebook": "01",
     "prompt": "The consumer crashes after the work. Fill in what the bus does.",
     "answer": "No ack, so it delivers again.",
     "text": "The bus saw no {ack|acknowledgement}, so it {delivers again}.", **REST},
    {"id": "backlog", "level": "mid", "kind": "numeric", "notebook": "01",
     "prompt": "Orders come at {rate} a second, and nobody reads for {wait} seconds. How many wait?",
     "answer": "{rate} times {wait}, so {answer}.",
     "numeric": {"draw": {"rate": [50, 200, 10], "wait": [2, 9, 1]}, "answer": "rate * wait", "unit": "orders",
                 "tolerance": 0.05},
     "pitfalls": ["They forget the {wait} seconds."], "follow_ups": ["And at half the rate?"],
     "proof": {"code": "from evlab import Event\ncount = len([Event(type='A', data={}, source='s', id=str(n)) "
                       "for n in range(rate * wait)])",
               "holds": "count == answer", "fails": "count == rate"}},
    {"id": "charged-twice", "level": "senior", "kind": "trace", "notebook": "01",
     "prompt": "A customer was charged twice. Which line did it?", "answer": "The second delivery, after a lost ack.",
     "trace": "1 payment  handles e1\n2 payment  ack lost\n3 payment  handles e1",
     "options": [{"text": "line 1", "why": "That one was due."},
                 {"text": "line 3", "right": True, "why": "Nothing remembers that e1 was handled."},
                 {"text": "line 2", "why": "A lost ack charges nobody."}], **REST},
    {"id": "bus-or-call", "level": "staff", "kind": "open", "notebook": "01",
     "prompt": "Checkout calls three services. Would you move it to events?",
     "answer": "The 500 ms mail goes first. It depends on who must answer before the customer leaves.",
     "rubric": [{"point": "names a number", "weight": 0.5}, {"point": "names a failure", "weight": 0.3},
                {"point": "says what it depends on", "weight": 0.2}], **REST},
    {"id": "not-yet", "level": "junior", "kind": "choice", "notebook": "24",
     "prompt": "A card of a notebook that does not exist yet. Is it asked?", "answer": "No.",
     "options": [{"text": "yes", "why": "Nobody has taught it."}, {"text": "no", "right": True, "why": "It waits."},
                 {"text": "maybe", "why": "It is one or the other."}], **REST},
]
PLAN = [{"id": "talking-point-1", "text": "Events decouple", "notebook": "01", "breaks": "Rename a field?"},
        {"id": "takeaway-1", "text": "A fact", "notebook": "01"},
        {"id": "takeaway-2", "text": "Later", "notebook": "24"}]
TAUGHT = [card["id"] for card in CARDS if card["notebook"] == "01"]


def cards(*ids: str) -> list[dict]:
    """Copies of the cards with these ids, or of all; change them as you like."""
    return [copy.deepcopy(card) for card in CARDS if not ids or card["id"] in ids]


def write_topic(course: pathlib.Path, entries: list, topic: str = "pub-sub",
                title: str = "Publish & subscribe") -> None:
    """Write one file of the deck."""
    folder = course / "data" / "drills"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{topic}.yaml").write_text(yaml.safe_dump({"topic": topic, "title": title, "cards": entries},
                                                         sort_keys=False, allow_unicode=True), encoding="utf-8")


def write_course(course: pathlib.Path) -> pathlib.Path:
    """A course with notebook 01 and the deck. Returns its folder."""
    (course / "notebooks").mkdir(parents=True)
    book = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}
    (course / "notebooks" / "01_events.ipynb").write_text(json.dumps(book), encoding="utf-8")
    write_topic(course, cards())
    (course / "data" / "drills" / "plan.yaml").write_text(yaml.safe_dump(PLAN), encoding="utf-8")
    return course
