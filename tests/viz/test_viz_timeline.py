"""Timelines: everything is said, nothing lies on anything else, and nothing is claimed that the entries don't hold."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import pytest

from evlab.errors import InvalidUse
from evlab.sim.history import Entry, History
from evlab.viz import timeline

NAMESPACE = "{http://www.w3.org/2000/svg}"


def texts_of(figure):
    return [element.text for element in ElementTree.fromstring(figure.svg).iter(f"{NAMESPACE}text")]


def all_text(figure):
    return " ".join(texts_of(figure))


@pytest.mark.parametrize("seed", range(30))
def test_no_words_leave_the_page_or_lie_on_one_another(seed, random_history, drawings):
    timeline(random_history(seed, 6 + seed % 18), title="What happened in this run, in one line")
    assert drawings[-1].overflow() == []
    assert drawings[-1].collisions() == []


@pytest.mark.parametrize("seed", range(3))
def test_the_same_holds_for_long_histories(seed, random_history, drawings):
    figure = timeline(random_history(seed, 120), title="A long run")
    assert drawings[-1].overflow() == []
    assert drawings[-1].collisions() == []
    assert "to scale" in all_text(figure) and "not to scale" not in all_text(figure)


@pytest.mark.parametrize("seed", range(5))
def test_the_same_holds_for_a_narrow_page(seed, random_history, drawings):
    timeline(random_history(seed, 12), title="A narrow page with a title of more than one line in it", width=480)
    assert drawings[-1].overflow() == []
    assert drawings[-1].collisions() == []
    assert drawings[-1].width <= 480


@pytest.mark.parametrize("seed", range(5))
def test_the_words_hold_every_entry_in_order(seed, random_history):
    history = random_history(seed, 40)
    lines = timeline(history, title="The finding").text.split("\n")
    assert lines[0] == "The finding" and len(lines) == 1 + len(history)
    for line, entry in zip(lines[1:], history, strict=True):
        assert (entry.node or "world") in line
        if entry.kind in ("send", "deliver", "drop", "invoke", "note"):
            assert entry.what in line


def test_a_line_says_when_who_what_and_what_became_of_it(clocked):
    clock, history = clocked
    clock.now = 1.204
    sent = history.add("send", "OrderPlaced order-1042", node="shop", peer="email")
    history.add("drop", "OrderPlaced order-1042", "link cut", node="shop", peer="email", pair=sent)
    lines = timeline(history, title="Lost").text.split("\n")
    assert re.fullmatch(r" +1\.204 s  shop → email  OrderPlaced order-1042  dropped: link cut", lines[2])


@pytest.mark.parametrize(("kind", "value", "word"), [
    ("crash", None, "crash"), ("kill", None, "process killed"), ("restart", None, "restart"),
    ("lost", 12, "12 unsynced bytes lost"), ("note", None, "unsynced bytes"), ("shutdown", None, "shutdown")])
def test_what_happens_to_a_node_is_named(kind, value, word):
    history = History()
    history.add(kind, "unsynced bytes", value, node="email")
    figure = timeline(history, title="Something happened")
    assert word in all_text(figure) and word in figure.text


def test_a_pause_and_a_cut_are_named_and_explained():
    history = History()
    history.add("pause", "0.800 s", 0.8, node="email")
    history.add("cut", "shop→email", node="shop", peer="email")
    history.add("resume", "", node="email")
    history.add("heal", "shop→email", node="shop", peer="email")
    shown = texts_of(timeline(history, title="A pause and a cut"))
    assert {"paused 0.800 s", "paused", "link cut", "link healed", "shop → email"} <= set(shown)


def message(*ends, delay=None, duplicate=False):
    history = History()
    sent = history.add("send", "OrderPlaced order-7", node="shop", peer="email")
    if delay:
        history.add("delay", "OrderPlaced order-7", delay, node="shop", peer="email", pair=sent)
    if duplicate:
        history.add("duplicate", "OrderPlaced order-7", 0.1, node="shop", peer="email", pair=sent)
    for end in ends:
        source, target = ("email", "shop") if end == "deliver" else ("shop", "email")
        history.add(end, "OrderPlaced order-7", "lost" if end == "drop" else None, node=source, peer=target, pair=sent)
    return history


@pytest.mark.parametrize(("history", "legend", "remark"), [
    (message("deliver"), "message", "OrderPlaced order-7"), (message("drop"), "dropped", "dropped: lost"),
    (message("deliver", "deliver", duplicate=True), "duplicate", "duplicate"),
    (message("deliver", delay=1.5), "delayed", "delayed 1.5 s"), (message(), "still under way", "still under way"),
    (message("deliver", duplicate=True), "still under way", "its copy is still under way")])
def test_each_fate_of_a_message_has_its_form_and_its_words(history, legend, remark):
    shown = texts_of(timeline(history, title="One message"))
    assert legend in shown and remark in shown


@pytest.mark.parametrize("end", ["deliver", "drop"])
def test_a_label_takes_another_line_or_more_room_before_it_is_cut_short(end):
    """On one line these words are wider than most labels; there is room for all of them."""
    history = History()
    sent = history.add("send", "PaymentReceived order-1042", node="bus", peer="inventory")
    source, target = ("inventory", "bus") if end == "deliver" else ("bus", "inventory")
    history.add(end, "PaymentReceived order-1042", "inventory is down" if end == "drop" else None, node=source,
                peer=target, pair=sent)
    shown = " ".join(texts_of(timeline(history, title="One message")))
    assert "PaymentReceived order-1042" in shown and "…" not in shown
    assert end == "deliver" or "dropped: inventory is down" in shown


def test_the_legend_names_only_what_occurs():
    shown = texts_of(timeline(message("deliver"), title="One message"))
    assert {"event", "message"} <= set(shown)
    assert not {"dropped", "duplicate", "crash", "paused", "outcome unknown", "look here"} & set(shown)


@pytest.mark.parametrize(("name", "event"), [
    ("OrderPlaced order-1", True), ("EmailSent", True), ("MoneyWithdrawn", True), ("ChargeCard order-1", False),
    ("ack", False), ("Placed", True), ("order.placed", False)])
def test_only_a_fact_in_the_past_tense_is_marked_as_an_event(name, event):
    history = History()
    history.add("send", name, node="a", peer="b")
    assert ("event" in texts_of(timeline(history, title="One message"))) is event


@pytest.mark.parametrize(("end", "word"), [("ok", "ok"), ("fail", "failed"), ("info", "unknown")])
def test_each_outcome_of_an_operation_is_said(end, word):
    history = History()
    getattr(history.invoke("charge", 80, node="payment"), end)("reason")
    figure = timeline(history, title="One operation")
    assert f"charge 80 · {word}: reason" in texts_of(figure) or f"{word}: reason" in texts_of(figure)
    assert f"{word}: reason" in figure.text


def test_a_time_of_being_behind_is_hatched_and_is_no_success():
    history = History()
    history.invoke("append", "OrderPlaced", node="shop").ok()
    history.invoke("catch up", "order-1", node="list").ok()
    lag, plain = timeline(history, title="t", behind=["catch up"]), timeline(history, title="t")
    assert "behind" in texts_of(lag) and "behind" not in texts_of(plain)
    assert "catch up order-1" in texts_of(lag), "its words claim no ok"
    assert lag.svg.count("url(#") > plain.svg.count("url(#") and "ok" in texts_of(lag)


def test_a_catching_up_that_failed_is_still_a_failure():
    history = History()
    history.invoke("catch up", node="list").fail("disk full")
    shown = texts_of(timeline(history, title="t", behind=["catch up"]))
    assert "failed" in shown and "behind" not in shown


def test_an_operation_that_never_ended_is_unknown():
    history = History()
    history.invoke("charge", 80, node="payment")
    history.note("later", node="payment")
    figure = timeline(history, title="One operation")
    assert "unknown: no answer" in all_text(figure) and "1 outcome unknown" in figure.alt


def test_an_operation_whose_end_is_left_out_is_not_called_unknown():
    history = History()
    history.invoke("charge", 80, node="payment").ok()
    for figure in (timeline([history[0]], title="One operation"), timeline(history, only=[0], title="One operation")):
        assert "unknown" not in all_text(figure) + figure.alt
        assert "begins" in texts_of(figure)


def test_a_message_whose_end_is_left_out_is_not_called_under_way():
    history = message("deliver")
    history.note("later", node="shop")
    for figure in (timeline(history, only=[0, 2], title="One message"), timeline([history[0]], title="One message")):
        assert "still under way" not in all_text(figure)
        assert "end not shown" in texts_of(figure)


def test_an_arrival_without_its_send_is_drawn():
    history = message("deliver")
    assert "sent earlier" in texts_of(timeline([history[1]], title="One message"))


def test_only_takes_numbers_and_node_names():
    history = message("deliver")
    history.note("by itself", node="inventory")
    assert len(timeline(history, only=[0, 1], title="Two").text.split("\n")) == 3
    assert "by itself" in timeline(history, only=["inventory"], title="One").text
    assert "by itself" in timeline(history, only="inventory", title="One").text
    assert "nothing happened yet" in timeline(history, only=[], title="None").text


def test_what_is_highlighted_is_lit_and_marked_in_words():
    figure = timeline(message("deliver"), title="One message", highlight=[1])
    lines = figure.text.split("\n")
    assert lines[2].startswith(">") and not lines[1].startswith(">")
    assert "look here" in texts_of(figure) and figure.svg != timeline(message("deliver"), title="One message").svg


def test_moments_that_are_evenly_spaced_are_to_scale_and_others_say_they_are_not(clocked):
    clock, history = clocked
    for clock.now in (0.0, 1.0, 2.0):
        history.note("tick", node="a")
    assert "virtual time in s · to scale" in all_text(timeline(history, title="Ticks"))
    clock.now = 100.0
    history.note("late", node="a")
    assert "evenly spaced: not to scale" in all_text(timeline(history, title="Ticks"))


def test_times_under_a_second_are_in_milliseconds(clocked):
    clock, history = clocked
    clock.now = 0.012
    history.note("tick", node="a")
    assert "12 ms" in timeline(history, title="Ticks").text


def test_the_alt_text_states_the_finding_and_what_went_wrong():
    figure = timeline(message("drop"), title="One message is lost")
    assert figure.alt == ("One message is lost. Timeline of 2 entries on shop, email, 0 to 1 s: 1 message dropped.")


def test_the_picture_reads_its_title_alt_and_role_aloud():
    root = ElementTree.fromstring(timeline(message("drop"), title="One message is lost").svg)
    assert root.get("role") == "img" and root.find(f"{NAMESPACE}title").text == "One message is lost"
    assert "1 message dropped" in root.find(f"{NAMESPACE}desc").text


def test_hostile_words_do_no_harm(hostile, drawings):
    history = History()
    sent = history.add("send", hostile, node=hostile, peer="email")
    history.add("drop", hostile, hostile, node=hostile, peer="email", pair=sent)
    history.invoke(hostile, hostile, node="email").fail(hostile)
    history.add("crash", hostile, node=hostile)
    history.note(hostile, node="email")
    figure = timeline(history, title=hostile if hostile.strip() else "title")
    ElementTree.fromstring(figure.svg)
    assert "<script" not in figure.svg and len(figure.text) < 10_000
    assert drawings[-1].overflow() == []
    assert drawings[-1].collisions() == []


def test_an_empty_history_is_drawn(drawings):
    figure = timeline([], title="Nothing yet")
    assert "nothing happened yet" in figure.text and figure.alt == "Nothing yet. The history is empty."
    assert drawings[-1].overflow() == []


def test_a_very_long_history_is_cut_and_says_so():
    history = History()
    for number in range(1000):
        history.note(f"remark {number}", node="a")
    figure = timeline(history, title="Many")
    assert "... and 600 more entries" in figure.text and "600 more are not drawn" in all_text(figure)
    assert len(figure.text.split("\n")) == 402 and len(figure.svg) < 300_000


def test_labels_without_room_are_counted(clocked):
    clock, history = clocked
    for number in range(100):
        clock.now = number / 7
        history.did("handle", f"order-{number}", node="a")
    assert re.search(r"\d+ labels do not fit; the words hold every entry", all_text(timeline(history, title="Many")))


def test_many_entries_of_one_instant_are_drawn(drawings):
    entries = [Entry(n, 5.0, "a", "note", f"remark {n}") for n in range(60)]
    timeline(entries, title="All at once")
    assert drawings[-1].overflow() == [] and drawings[-1].collisions() == []


def test_overlapping_operations_of_one_node_are_stacked():
    history = History()
    first, second = history.invoke("append", 1, node="log"), history.invoke("append", 2, node="log")
    second.ok(0)
    first.ok(1)
    bars = {e.get("y") for e in ElementTree.fromstring(timeline(history, title="Two").svg).iter(f"{NAMESPACE}rect")
            if e.get("height") == "22"}
    assert len(bars) == 2


@pytest.mark.parametrize("arguments", [
    {"title": ""}, {"title": None}, {"title": "t", "width": 2000}, {"title": "t", "width": "wide"},
    {"title": "t", "roles": {"a": "boss"}}, {"title": "t", "history": ["x"]}, {"title": "t", "history": 7},
    {"title": "t", "only": 3.5}])
def test_wrong_use_is_refused_with_a_reason(arguments):
    arguments = {"history": History(), **arguments}
    with pytest.raises(InvalidUse):
        timeline(arguments.pop("history"), **arguments)


def test_the_same_history_gives_the_same_bytes_in_another_process():
    code = ("import sys; sys.path.insert(0, 'tests/viz')\n"
            "from conftest import _random_history\nfrom evlab.viz import timeline\n"
            "print(*[timeline(_random_history(s, 20), title='x', highlight={1, 5, 9}, only=None)._repr_mimebundle_()"
            " for s in range(3)])")
    outputs = set()
    for seed in ("0", "4711"):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True,
                              env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"})
        outputs.add(done.stdout)
    assert len(outputs) == 1 and len(outputs.pop()) > 10_000


def test_lanes_stand_in_the_order_of_the_roles():
    history = History()
    for node in ("email", "bus", "audit", "shop"):
        history.did("work", node, node=node)
    words = timeline(history, title="t", roles={"shop": "producer", "bus": "store"}).alt
    assert "on shop, bus, email, audit," in words
