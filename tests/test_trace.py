"""Traces: the tree of who caused what, and what is missing from it."""

from __future__ import annotations

import random

import pytest

from evlab import Bus, Event, Faults, World
from evlab.errors import InvalidUse
from evlab.trace import Tracer, trace


def chain(*types, source="shop"):
    """Events of which each caused the next."""
    events = [Event(type=types[0], source=source)]
    for type in types[1:]:
        events.append(events[-1].caused(type, source=source))
    return events


def tree():
    placed = Event(type="OrderPlaced", source="shop")
    reserved = placed.caused("StockReserved", source="stock")
    charged = placed.caused("CardCharged", source="bank")
    shipped = reserved.caused("ParcelShipped", source="courier")
    return [placed, reserved, charged, shipped]


def test_each_event_stands_below_its_cause():
    found = trace(tree())
    assert str(found) == """\
OrderPlaced  shop
└─ StockReserved  stock
   └─ ParcelShipped  courier
└─ CardCharged  bank"""
    assert [(link.event.type, link.cause and link.cause.type, link.depth, link.times) for link in found] == [
        ("OrderPlaced", None, 0, 1), ("StockReserved", "OrderPlaced", 1, 1), ("ParcelShipped", "StockReserved", 2, 1),
        ("CardCharged", "OrderPlaced", 1, 1)]
    assert (len(found), found.depth, found.services) == (4, 3, ["shop", "stock", "courier", "bank"])


def test_the_tree_is_the_same_whatever_the_order_of_hearing():
    events = tree()
    wanted = {(link.event.id, link.cause and link.cause.id, link.depth) for link in trace(events)}
    for seed in range(20):
        random.Random(seed).shuffle(events)
        assert {(link.event.id, link.cause and link.cause.id, link.depth) for link in trace(events)} == wanted


def test_an_event_that_was_heard_more_than_once_stands_there_once():
    events = tree()
    found = trace([*events, events[1], events[1]])
    assert [link.times for link in found] == [1, 3, 1, 1]
    assert "StockReserved  stock   ×3" in str(found)


def test_of_an_event_whose_cause_was_not_heard_the_trace_says_so():
    events = tree()
    text = str(trace([events[0], events[3]]))
    assert text == "OrderPlaced  shop\nParcelShipped  courier   (its cause was not heard)"


def test_only_the_events_of_one_conversation_are_asked_for():
    first, second = chain("OrderPlaced", "CardCharged"), chain("OrderPlaced", "CardDeclined")
    both = [first[0], second[0], first[1], second[1]]
    assert [link.event for link in trace(both, second[0].correlation_id)] == second
    assert len(trace(both)) == 4 and len(trace(both, "nobody")) == 0 and str(trace(both, "nobody")) == ""


def test_nothing_has_a_tree_too():
    found = trace([])
    assert (len(found), found.depth, found.services, found.cycles(), str(found)) == (0, 0, [], [], "")


def test_a_conversation_that_comes_back_to_the_same_type_is_a_cycle():
    events = chain("StockLow", "StockOrdered", "StockArrived", "StockLow", "StockOrdered")
    assert trace(events).cycles() == [("StockLow", "StockOrdered", "StockArrived", "StockLow")]
    assert trace(tree()).cycles() == []


def test_a_type_that_causes_itself_is_a_cycle():
    assert trace(chain("PriceChanged", "PriceChanged")).cycles() == [("PriceChanged", "PriceChanged")]


def test_events_that_cause_each_other_in_a_ring_are_all_shown():
    """Two programs that use ids of their own: no event is the first, and none may go missing for that."""
    ring = [Event(type=f"Step{number}", id=f"e-{number}", causation_id=f"e-{(number - 1) % 3}", correlation_id="c")
            for number in range(3)]
    found = trace([*ring, Event(type="Own", id="own", causation_id="own", correlation_id="c")])
    assert [(link.event.type, link.depth) for link in found] == [("Own", 0), ("Step0", 0), ("Step1", 1), ("Step2", 2)]
    assert found.cycles() == []


def test_a_long_conversation_is_no_burden():
    found = trace(chain(*[f"Step{number}" for number in range(1000)]))
    assert found.depth == 1000 and found.cycles() == []


# ------------------------------------------------------------------------------------------------------- on a bus


def choreography(bus):
    """Three services that know only what they listen to."""
    bus.subscribe("order.placed", lambda e: bus.publish(e.caused("StockReserved", source="stock")), name="stock")
    bus.subscribe("stock.reserved", lambda e: bus.publish(e.caused("CardCharged", source="bank")), name="bank")
    bus.subscribe("card.charged", lambda e: bus.publish(e.caused("ParcelShipped", source="courier")), name="courier")


def test_a_tracer_hears_a_choreography_that_nobody_wrote_down():
    bus = Bus()
    tracer = Tracer(bus)
    choreography(bus)
    first, second = (Event(type="OrderPlaced", source="shop") for _ in range(2))
    bus.publish(first)
    bus.publish(second)
    assert tracer.correlations() == [first.correlation_id, second.correlation_id]
    found = tracer.trace(second.correlation_id)
    assert found.services == ["shop", "stock", "bank", "courier"] and found.depth == 4


def test_in_a_world_that_loses_and_doubles_the_tracer_hears_all_and_says_what_came_twice():
    doubled = 0
    for seed in range(30):
        world = World(seed, Faults(drop=0.2, duplicate=0.2))
        bus = Bus(world)
        tracer = Tracer(bus)
        choreography(bus)
        event = world.event("OrderPlaced", source="shop")
        world.after(0.1, lambda bus=bus, event=event: bus.publish(event))
        world.run(until=30)
        world.calm().run(until=60)
        found = tracer.trace(event.correlation_id)
        types = [link.event.type for link in found]
        assert list(dict.fromkeys(types)) == ["OrderPlaced", "StockReserved", "CardCharged", "ParcelShipped"], seed
        doubled += any(link.times > 1 for link in found)
    assert doubled


def test_a_tracer_keeps_the_newest_and_no_more_than_it_may():
    bus = Bus()
    tracer = Tracer(bus, most=20)
    for number in range(100):
        bus.publish(Event(type="OrderPlaced", data={"number": number}))
        assert len(tracer.events) <= 20
    kept = [event.data["number"] for event in tracer.events]
    assert kept == list(range(100 - len(kept), 100)) and len(kept) >= 18


@pytest.mark.parametrize("use, text", [
    (lambda: trace(None), "no list of events"), (lambda: trace(5), "no list of events"),
    (lambda: trace([{"type": "OrderPlaced"}]), "is not an Event"), (lambda: trace("OrderPlaced"), "is not an Event"),
    (lambda: trace([], Event(type="A")), "no correlation id"), (lambda: Tracer(None), "is no Bus"),
    *[(lambda most=most: Tracer(Bus(), most=most), "no number of events") for most in (0, -1, True, "10", 1.5)]])
def test_what_makes_no_trace_is_refused(use, text):
    with pytest.raises(InvalidUse, match=text):
        use()


def test_a_ring_that_is_walked_twice_is_told_once():
    first = Event(type="A", data={}, source="s")
    events = [first]
    for kind in "BCABCA":
        events.append(events[-1].caused(kind, {}))
    assert trace(events).cycles() == [("A", "B", "C", "A")]
