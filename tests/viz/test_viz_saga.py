"""The row of a saga's steps, and the tree of a trace: what happened is said by form, by word, and in the text twin."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest

from evlab import Bus, Event, EventStore, Retry, World
from evlab.errors import InvalidUse
from evlab.saga import Orchestrator, Saga, Step
from evlab.trace import Tracer, trace
from evlab.viz import FlowStep, saga_flow, trace_tree
from evlab.viz.saga import OUTCOMES, flow_of
from evlab.viz.theme import SKY

KIND = "compensatable"
NAMESPACE = "{http://www.w3.org/2000/svg}"
ANSWERS = {"Reserve": "Reserved", "Release": "Released", "Charge": "Charged", "Refund": "Refunded", "Ship": "Shipped",
           "Mail": "Mailed"}


def asks(type):
    return lambda state: Event(type=type, data={}, source="orders")


def saga():
    once = Retry(attempts=1)
    return Saga("order", [Step("reserve", asks("Reserve"), asks("Release"), retry=once, refused="No"),
                          Step("charge", asks("Charge"), asks("Refund"), retry=once, refused="No"),
                          Step("ship", asks("Ship"), kind="pivot", retry=once, refused="No"),
                          Step("mail", asks("Mail"), kind="retriable", retry=once, refused="No")])


def ran(**changes):
    """The stream of an order whose services answer so; None: not at all."""
    answers = {**ANSWERS, **changes}
    world = World(1)
    store = EventStore(env=world)

    def boot():
        bus = Bus(world, node="orders")

        @bus.subscribe("#", name="services", node="orders")
        def answer(event):
            if answers.get(event.type):
                bus.publish(event.caused(answers[event.type], {}, source="services"))

        Orchestrator(store, bus, saga(), world, name="orders").start("1", {})

    world.node("orders", boot)
    world.run(until=100)
    return list(store.read("order-1"))


def outcomes(**changes):
    steps, how = flow_of(saga(), [recorded.event for recorded in ran(**changes)])
    return [(step.outcome, step.undone) for step in steps], how


def texts_of(figure):
    return [element.text for element in ElementTree.fromstring(figure.svg).iter(f"{NAMESPACE}text")]


def test_each_way_a_saga_can_go_is_read_from_its_stream():
    done, nothing = ("done", ""), ("", "")
    assert outcomes() == ([done] * 4, "completed")
    assert outcomes(Charge="No") == ([("done", "done"), ("refused", ""), nothing, nothing], "compensated: No")
    assert outcomes(Ship="No") == ([("done", "done")] * 2 + [("refused", ""), nothing], "compensated: No")
    found, how = outcomes(Charge=None)
    assert found == [("done", "done"), ("unknown", "done"), nothing, nothing] and "did not answer" in how
    found, how = outcomes(Ship=None)
    assert found == [done, done, ("parked", ""), nothing] and how.startswith("parked: ship did not answer")
    found, how = outcomes(Charge="No", Release="No")
    assert found == [("done", "parked"), ("refused", ""), nothing, nothing] and how.startswith("parked: ")


def test_the_words_and_the_picture_hold_every_step():
    figure = saga_flow(saga(), ran(Ship="No"), title="The parcel was refused")
    lines = figure.text.splitlines()
    assert lines[1].split() == ["✓", "1", "reserve", "compensatable", "done", "←", "undo:", "done"]
    assert lines[3].split() == ["✗", "3", "ship", "pivot", "refused"]
    assert lines[-1].strip() == "compensated: No"
    texts = texts_of(figure)
    assert texts.count("done, and undone") == 2 and texts.count("undo") == 2
    assert {"reserve", "charge", "ship", "mail", "refused", "compensated: No", "pivot"} <= set(texts)
    assert "charge, compensatable: done, its undo: done." in figure.alt


def test_an_undo_of_what_never_answered_is_not_called_undone():
    assert "undone, to be sure" in texts_of(saga_flow(saga(), ran(Charge=None), title="Nobody knows"))


def test_an_undo_whose_turn_comes_later_is_not_called_needless():
    texts = texts_of(saga_flow(saga(), ran(Ship="No", Refund="No"), title="The bank says no"))
    assert texts.count("not yet") == 1 and "not needed" not in texts
    assert texts_of(saga_flow(saga(), ran(), title="All is well")).count("not needed") == 2


def test_until_the_pivot_is_done_nobody_knows_whether_an_undo_is_needed():
    parked = texts_of(saga_flow(saga(), ran(Ship=None), title="The carrier says nothing"))
    assert parked.count("if needed") == 2 and "not needed" not in parked
    late = texts_of(saga_flow(saga(), ran(Mail=None), title="The mail is late"))
    assert late.count("not needed") == 2 and "if needed" not in late


@pytest.mark.parametrize(("outcome", "form"), [("asked", "hatch"), ("unknown", "hatch"), ("parked", "hatch"),
                                               ("", "dash"), ("done", ""), ("refused", "")])
def test_each_outcome_has_a_form(outcome, form):
    figure = saga_flow([FlowStep("one", outcome=outcome)], title="x")
    assert ("url(#hatch" in figure.svg) == (form == "hatch")
    assert ('stroke-dasharray="5 4"' in figure.svg) == (form == "dash")
    assert OUTCOMES[outcome] in texts_of(figure)
    assert (f"url(#hatch-{SKY.main[1:]})" in figure.svg) == (outcome in ("asked", "unknown"))


def test_the_pivot_has_a_heavier_border_and_says_what_it_means_until_something_is_undone():
    pivot = saga_flow([FlowStep("a", undo="undo a", outcome="done"), FlowStep("b", "pivot", "done")], title="x")
    assert len(re.findall('stroke-width="3.5"', pivot.svg)) == 1
    assert "once this is done, there is no way back" in " ".join(texts_of(pivot))
    back = saga_flow([FlowStep("a", undo="undo a", outcome="done", undone="asked"), FlowStep("b", "pivot", "refused")],
                     title="x")
    assert "no way back" not in " ".join(texts_of(back))


def test_how_often_it_was_asked_is_said_where_the_answer_is_missing():
    figure = saga_flow([FlowStep("a", outcome="parked", times=3), FlowStep("b", outcome="done", times=3)], title="x")
    assert "parked, asked 3 times" in texts_of(figure) and "done" in texts_of(figure)
    assert "done, asked" not in figure.text


def test_nothing_leaves_the_page_or_lies_on_another(drawings):
    for number in range(1, 8):
        kinds = ["compensatable"] * max(number - 2, 1) + ["pivot"] * (number > 1) + ["retriable"] * (number > 2)
        for outcome in OUTCOMES:
            for undone in OUTCOMES:
                steps = [FlowStep(f"a step with a long name {n}", kind, outcome, "undo of it" if kind == KIND else "",
                                  undone if kind == KIND else "", 3, n == 0) for n, kind in enumerate(kinds)]
                saga_flow(steps, title="A title", end="parked: and a reason that is rather long " * 4)
    found = [drawing for drawing in drawings if drawing.overflow() or drawing.collisions()]
    assert [(drawing.overflow(), drawing.collisions()) for drawing in found] == []



def test_hostile_names_do_no_harm(hostile, drawings):
    figure = saga_flow([FlowStep(hostile or "x", undo=hostile)], title=f"x{hostile}", end=hostile)
    ElementTree.fromstring(figure.svg)
    event = Event(type="A", data={}, source=hostile.encode("utf-8", "replace").decode())
    tree = trace_tree(trace([event]), title=f"x{hostile}", notes={"A": hostile})
    ElementTree.fromstring(tree.svg)
    assert "<script" not in figure.html + tree.html
    assert [drawing.overflow() for drawing in drawings] == [[], []]


@pytest.mark.parametrize(("steps", "word"), [
    ([], "0 steps"), ([FlowStep(str(n)) for n in range(8)], "8 steps"), ([FlowStep("a", "final")], "kind"),
    ([FlowStep("a", outcome="great")], "outcome"), ([FlowStep("a", undone="great")], "outcome")])
def test_what_is_no_row_of_steps_is_refused(steps, word):
    with pytest.raises(InvalidUse, match=word):
        saga_flow(steps, title="x")
    with pytest.raises(InvalidUse, match="title"):
        saga_flow([FlowStep("a")], title=" ")


# --------------------------------------------------------------------------------------------------- the tree


def chain(*types, source="shop"):
    events = [Event(type=types[0], data={}, source=source)]
    for number, type in enumerate(types[1:]):
        events.append(events[-1].caused(type, {}, source=f"service {number % 3}"))
    return events


def test_the_tree_says_who_caused_what_in_words_and_in_the_picture():
    events = chain("OrderPlaced", "StockReserved", "CardCharged")
    figure = trace_tree(trace(events), title="Payment acted on the stock", notes={"CardCharged": "the end"})
    assert figure.text.splitlines()[1:] == ["  OrderPlaced  shop", "  └─ StockReserved  service 0",
                                            "     └─ CardCharged  service 1   (the end)"]
    assert {"OrderPlaced", "shop", "service 0", "the end"} <= set(texts_of(figure))
    assert "3 events, 3 deep, by shop, service 0, service 1." in figure.alt


def test_a_doubled_event_a_cycle_and_an_unheard_cause_are_marked():
    first, second, third = chain("A", "B", "A")
    figure = trace_tree(trace([first, second, second, third]), title="x")
    assert "heard 2 times" in " ".join(texts_of(figure)) and "heard 2 times" in figure.text
    assert "a cycle: A → B → A" in figure.text and "A cycle: A → B → A." in figure.alt
    assert sum("in a cycle" in words for words in texts_of(figure)) == 3
    assert "its cause was not heard" in texts_of(trace_tree(trace([second]), title="x"))


def test_the_tracer_of_a_bus_draws_its_transaction():
    bus = Bus()
    tracer = Tracer(bus)
    bus.subscribe("order.placed", lambda event: bus.publish(event.caused("StockReserved", {}, source="inventory")),
                  name="inventory")
    bus.publish(Event(type="OrderPlaced", data={}, source="orders"))
    figure = trace_tree(tracer.trace(tracer.correlations()[0]), title="x")
    assert figure.text.splitlines()[2] == "  └─ StockReserved  inventory"


def test_thirty_events_ten_deep_fit(drawings):
    events = chain(*(f"AnEventWithALongName{n}" for n in range(24)))
    events += [events[3].caused(f"Another{n}", {}, source="a service with a long name") for n in range(6)]
    trace_tree(trace(events), title="Deep", notes={"AnEventWithALongName3": "and a note that is too long for it" * 3})
    assert (drawings[0].overflow(), drawings[0].collisions()) == ([], [])


@pytest.mark.parametrize("events", [[], [Event(type="A", data={}, source="x") for _ in range(31)],
                                    [Event(type="A", data={}, source=f"s{n}") for n in range(7)]])
def test_what_is_no_tree_that_fits_is_refused(events):
    with pytest.raises(InvalidUse, match="tree"):
        trace_tree(trace(events), title="x")
