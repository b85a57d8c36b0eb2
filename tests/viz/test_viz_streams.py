"""Streams drawn as strips: what is read to load, what a snapshot spares, and what of a long stream is left out."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from evlab import Event, EventStore
from evlab.errors import InvalidUse
from evlab.viz import stream_strips

NAMESPACE = "{http://www.w3.org/2000/svg}"


def store_of(**counts):
    """A store with a stream for each name, with so many deposits."""
    store = EventStore()
    for name, count in counts.items():
        store.append(name, [Event(type="Deposited", data={"amount": 1}) for _ in range(count)])
    return store


def texts_of(figure):
    return [element.text for element in ElementTree.fromstring(figure.svg).iter(f"{NAMESPACE}text")]


def dashed(figure):
    """How many events are drawn as held by a snapshot."""
    return figure.svg.count('stroke-dasharray="4 3"')


def streams_in(figure):
    """The names of the streams, in the order of the words."""
    return [line.split(":")[0].strip() for line in figure.text.split("\n")[1::2]]


def clean(drawing):
    return drawing.overflow() == [] and drawing.collisions() == []


def test_a_stream_shows_its_events_and_that_all_are_read(drawings):
    figure = stream_strips(store_of(account=3), title="All three are read")
    shown = texts_of(figure)
    assert shown.count("Deposited") == 3 and {"account", "1", "2", "3", "3 of 3 read to load"} <= set(shown)
    assert dashed(figure) == 0 and not any("dashed" in text for text in shown)
    assert figure.text.split("\n") == ["All three are read", "  account: 3 events, no snapshot, 3 of 3 read to load",
                                       "    1 Deposited 2 Deposited 3 Deposited"]
    assert figure.alt == "All three are read. account: 3 events, no snapshot, 3 of 3 read to load."
    assert clean(drawings[-1])


@pytest.mark.parametrize("version", range(6))
def test_the_events_up_to_the_snapshot_are_dashed_and_the_rest_is_read(drawings, version):
    store = store_of(account=5)
    store.save_snapshot("account", 10 * version, version)
    figure = stream_strips(store, title="t")
    assert dashed(figure) == version
    assert {f"snapshot at {version}: {10 * version}", f"{5 - version} of 5 read to load"} <= set(texts_of(figure))
    words = figure.text.split("\n")[2].split()
    assert [word for word in words if word.startswith("(")] == [f"({n}" for n in range(1, version + 1)]
    assert clean(drawings[-1])


@pytest.mark.parametrize(("count", "hidden"), [(7, 0), (8, 2), (481, 475)])
def test_of_a_long_stream_the_ends_are_drawn_and_the_gap_is_counted(drawings, count, hidden):
    store = store_of(account=count)
    store.save_snapshot("account", 1, count - 1)
    figure = stream_strips(store, title="t")
    assert (f"{hidden:,} more" in texts_of(figure)) is bool(hidden)
    assert texts_of(figure).count("Deposited") == count - hidden
    assert {"1", "2", f"{count:,}", f"1 of {count:,} read to load"} <= set(texts_of(figure))
    assert dashed(figure) == count - hidden - 1  # all that are drawn but the last one
    assert (f"... {hidden:,} more ..." in figure.text) is bool(hidden)
    assert clean(drawings[-1])


def test_streams_stand_by_name_or_in_the_order_asked_for():
    store = store_of(b=1, a=2, c=1)
    assert streams_in(stream_strips(store, title="t")) == ["a", "b", "c"]
    assert streams_in(stream_strips(store, title="t", only=["c", "a"])) == ["c", "a"]
    assert "  b: 1 event, no snapshot, 1 of 1 read to load" in stream_strips(store, title="t", only="b").text


def test_a_snapshot_of_another_form_is_not_shown():
    store = store_of(account=4)
    store.save_snapshot("account", 3, 3, schema=1)
    assert dashed(stream_strips(store, title="t")) == 3
    assert dashed(stream_strips(store, title="t", schema=2)) == 0


def test_a_stream_that_does_not_exist_is_empty(drawings):
    figure = stream_strips(EventStore(), title="Nothing yet", only=["account"])
    assert "account: 0 events, no snapshot, nothing to read" in figure.text
    assert clean(drawings[-1])


def test_a_snapshot_ahead_of_its_stream_reads_nothing(drawings):
    store = store_of(account=2)
    store.save_snapshot("account", 9, 5)
    assert "a snapshot at version 5, 0 of 2 read to load" in stream_strips(store, title="t").text
    assert clean(drawings[-1])


def test_foreign_texts_stay_on_the_page_as_text(drawings, hostile):
    store = EventStore()
    name = hostile[:200].encode("utf-8", "replace").decode() or "x"
    store.append(name, [Event(type=(hostile[:200].encode("utf-8", "replace").decode() or "x")) for _ in range(9)])
    store.save_snapshot(name, {"name": name}, 4)
    figure = stream_strips(store, title="Hostile names")
    assert ElementTree.fromstring(figure.svg).tag == f"{NAMESPACE}svg"
    assert "<script" not in figure.html and "\u202e" not in figure.text
    assert drawings[-1].overflow() == []


def test_the_picture_is_the_same_each_time():
    store = store_of(account=9)
    store.save_snapshot("account", 7, 7)
    assert stream_strips(store, title="t").svg == stream_strips(store, title="t").svg


@pytest.mark.parametrize("arguments", [{"title": " "}, {"title": None}, {"title": "t", "only": []},
                                       {"title": "t", "only": [f"s{n}" for n in range(13)]}])
def test_a_picture_that_makes_no_sense_is_refused(arguments):
    with pytest.raises(InvalidUse):
        stream_strips(store_of(account=1), **arguments)
