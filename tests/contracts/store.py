"""What every event store must do, on whatever it stands. `tests/test_store.py` runs it in memory, on a file and in a
World."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evlab.errors import EvlabError, InvalidUse
from evlab.event import Event
from evlab.store import ANY, NO_STREAM, STREAM_EXISTS, WrongExpectedVersion

__all__ = ["StoreContract", "content", "paid"]

STREAMS = ("account-1", "account-2", "Konto Ü 3 'x' \"y\" %_;")
NUMBERS = st.integers(0, 12)
STEPS = st.lists(st.one_of(
    st.tuples(st.just("append"), st.sampled_from(STREAMS), st.integers(1, 4),
              st.sampled_from([ANY, NO_STREAM, STREAM_EXISTS, "right", "behind", "ahead"])),
    st.tuples(st.just("append all"), st.lists(st.tuples(
        st.sampled_from(STREAMS), st.integers(1, 4), st.sampled_from([ANY, "right", "right", "ahead"])),
        max_size=3, unique_by=lambda one: one[0])),
    st.tuples(st.just("repeat"), NUMBERS, st.booleans()),
    st.tuples(st.just("half old"), NUMBERS, st.booleans()),
    st.tuples(st.just("read"), st.sampled_from(STREAMS), NUMBERS, st.none() | NUMBERS),
    st.tuples(st.just("read all"), NUMBERS, st.none() | NUMBERS),
    st.tuples(st.just("snapshot"), st.sampled_from(STREAMS), NUMBERS),
), max_size=16)


def paid(count=1, **more):
    """So many new events."""
    return [Event(type="MoneyPaidIn", data={"amount": number}, source="bank", **more) for number in range(count)]


def content(store):
    """All that can be read of a store's events."""
    return list(store.read_all()), {stream: list(store.read(stream)) for stream in store.streams()}


class StoreContract:
    """Inherit from it, and let a fixture `make` return a function that gives a new, empty store."""

    @pytest.fixture
    def store(self, make):
        with make() as store:
            yield store

    # ----------------------------------------------------------------------------------- append and read

    def test_a_new_store_is_empty(self, store):
        assert (store.position, store.streams(), list(store.read_all())) == (0, [], [])

    def test_a_stream_that_does_not_exist_is_empty(self, store):
        store.append("account-1", paid())
        assert (list(store.read("account-2")), store.version("account-2")) == ([], 0)

    def test_what_append_returns_is_what_is_read(self, store):
        first, second = paid(2)
        recorded = store.append("account-1", first) + store.append("account-1", [second])
        assert [(one.event, one.stream, one.version, one.position) for one in recorded] == [
            (first, "account-1", 1, 1), (second, "account-1", 2, 2)]
        assert list(store.read("account-1")) == list(store.read_all()) == recorded

    def test_every_field_of_an_event_comes_back(self, store):
        data = {"näme": "日本 \u0000 \U0001f600", "lines": [{"n": 1, "x": None}, 2.5, True], "big": 2**70, "empty": {}}
        event = Event(type="OrderPlaced", data=data, source="shop", version=3, key="order-7", kind="integration",
                      id="an id: 'ü' \"1\"", time=datetime(2020, 2, 29, 12, 0, 0, 123456, UTC),
                      correlation_id="c", causation_id="d")
        store.append("order-7", event)
        read = next(store.read("order-7")).event
        assert read == event and read.to_json() == event.to_json()

    def test_each_stream_has_its_versions_and_the_store_its_positions(self, store):
        for stream in ("b", "a", "b", "a", "b"):
            store.append(stream, paid(2))
        assert [(one.stream, one.version, one.position) for one in store.read_all()] == [
            ("b", 1, 1), ("b", 2, 2), ("a", 1, 3), ("a", 2, 4), ("b", 3, 5), ("b", 4, 6), ("a", 3, 7), ("a", 4, 8),
            ("b", 5, 9), ("b", 6, 10)]
        assert (store.version("a"), store.version("b"), store.position, store.streams()) == (4, 6, 10, ["a", "b"])

    def test_one_append_is_recorded_at_one_time_in_utc(self, store):
        times = {one.recorded_at for one in store.append("account-1", paid(3))}
        assert len(times) == 1 and times.pop().utcoffset() == timedelta(0)

    def test_events_may_come_from_a_generator(self, store):
        assert len(store.append("account-1", (event for event in paid(3)))) == 3

    def test_streams_are_listed_in_order(self, store):
        for stream in ("b", "a", "c", "B", "a-1"):
            store.append(stream, paid())
        assert store.streams() == ["B", "a", "a-1", "b", "c"]

    def test_a_stream_is_told_by_its_exact_name(self, store):
        names = ["account-1", "Account-1", "account-11", "account-1 ", "account_1", "account-%", "x" * 255]
        for name in names:
            store.append(name, paid())
        assert [[one.stream for one in store.read(name)] for name in names] == [[name] for name in names]

    @pytest.mark.parametrize("after, limit, versions", [
        (0, None, [1, 2, 3, 4, 5]), (2, None, [3, 4, 5]), (0, 2, [1, 2]), (2, 2, [3, 4]), (4, 9, [5]), (5, None, []),
        (9, None, []), (0, 0, []), (3, 0, [])])
    def test_a_part_is_read_by_after_and_limit(self, store, after, limit, versions):
        for _ in range(5):
            store.append("other", paid())
            store.append("account-1", paid())
        assert [one.version for one in store.read("account-1", after=after, limit=limit)] == versions
        positions = [one.position for one in store.read_all(after=after, limit=limit)]
        assert positions == list(range(after + 1, 11))[:limit]

    def test_a_long_stream_is_read_to_its_end(self, store):
        events = paid(2100)
        store.append("long", events[:1000])
        store.append("other", paid(3))
        store.append("long", events[1000:])
        assert [one.event for one in store.read("long")] == events
        assert [one.version for one in store.read("long", after=999, limit=1002)] == list(range(1000, 2002))
        assert [one.position for one in store.read_all()] == list(range(1, 2104))

    def test_reading_and_appending_may_alternate(self, store):
        store.append("account-1", paid(4))
        for one in store.read("account-1"):
            store.append("account-2", one.event)
        for one in store.read("account-1"):
            store.append("account-1", one.event.caused("Seen"), one.version + 3)
        assert (store.version("account-1"), store.version("account-2")) == (8, 4)

    # --------------------------------------------------------------------------------- expected versions

    @pytest.mark.parametrize("before, expected", [
        (0, ANY), (0, 0), (0, NO_STREAM), (3, ANY), (3, 3), (3, STREAM_EXISTS), (1, "ANY"), (0, "NO_STREAM"),
        (1, "STREAM_EXISTS")])
    def test_an_expectation_that_is_met(self, store, before, expected):
        store.append("other", paid(5))
        if before:
            store.append("account-1", paid(before))
        assert [one.version for one in store.append("account-1", paid(2), expected)] == [before + 1, before + 2]

    @pytest.mark.parametrize("before, expected", [
        (0, 1), (0, 7), (0, STREAM_EXISTS), (3, 0), (3, 2), (3, 4), (3, NO_STREAM), (3, 2**80)])
    def test_an_expectation_that_is_not_met_says_what_is_and_changes_nothing(self, store, before, expected):
        store.append("other", paid(5))
        if before:
            store.append("account-1", paid(before))
        known = content(store)
        with pytest.raises(WrongExpectedVersion) as caught:
            store.append("account-1", paid(2), expected)
        error = caught.value
        assert (error.stream, error.expected, error.current) == ("account-1", expected, before)
        assert not error.retriable and f"version {before}" in str(error) and str(expected) in str(error)
        assert content(store) == known

    # ------------------------------------------------------------------------------- the same event again

    @pytest.mark.parametrize("expected", [ANY, NO_STREAM, 0])
    @pytest.mark.parametrize("count", [1, 3])
    def test_an_append_that_is_repeated_changes_nothing(self, store, count, expected):
        events = paid(count)
        recorded = store.append("account-1", events, expected)
        known = content(store)
        assert store.append("account-1", events, expected) == recorded
        store.append("account-1", paid(2))
        store.append("account-2", paid(2))
        assert store.append("account-1", events, expected) == recorded
        assert content(store)[0][:count] == known[0] and store.position == count + 4

    def test_a_repeat_is_told_by_the_ids_of_the_events(self, store):
        recorded = store.append("account-1", Event(type="MoneyPaidIn", data={"amount": 1}, id="e-1"))
        assert store.append("account-1", Event(type="MoneyPaidIn", data={"amount": 2}, id="e-1")) == recorded
        assert list(store.read_all()) == recorded

    def test_a_stretch_of_an_earlier_append_is_a_repeat_too(self, store):
        events = paid(4)
        recorded = store.append("account-1", events)
        assert store.append("account-1", events[1:3], 0) == recorded[1:3]
        assert store.position == 4

    def test_the_same_event_may_stand_in_two_streams(self, store):
        event = paid()
        store.append("account-1", event)
        assert store.append("account-2", event)[0][1:4] == ("account-2", 1, 2)

    @pytest.mark.parametrize("order", ["0+", "+0", "++1+", "10", "02", "012+", "+012", "2+"])
    @pytest.mark.parametrize("expected", [ANY, 3, 0])
    def test_half_an_old_append_is_refused_and_changes_nothing(self, store, order, expected):
        """0, 1 and 2 are events that the stream has, + is a new one."""
        old = paid(3)
        store.append("account-1", old)
        known = content(store)
        with pytest.raises(InvalidUse, match="part"):
            store.append("account-1", [paid()[0] if sign == "+" else old[int(sign)] for sign in order], expected)
        assert content(store) == known

    # ------------------------------------------------------------------------------ several appends in one go

    def test_several_appends_in_one_go_are_recorded_as_if_one_after_another(self, store):
        store.append("b", paid(2))
        known, (one, two, three) = content(store)[0], paid(3)
        found = store.append_all([("a", [one, two], NO_STREAM), ("b", iter([three]), 2), ("c", one, ANY)])
        assert [[(one.event, one.stream, one.version, one.position) for one in recorded] for recorded in found] == [
            [(one, "a", 1, 3), (two, "a", 2, 4)], [(three, "b", 3, 5)], [(one, "c", 1, 6)]]
        assert list(store.read_all()) == known + [recorded for one in found for recorded in one]
        assert [store.version(stream) for stream in "abc"] == [2, 3, 1] and store.position == 6
        assert len({recorded.recorded_at for one in found for recorded in one}) == 1
        assert store.append_all([]) == [] and store.append("a", paid(1), 2)[0].position == 7

    @pytest.mark.parametrize("expected", [0, 2, NO_STREAM])
    def test_if_one_of_them_is_refused_none_is_written(self, store, expected):
        store.append("b", paid(1))
        known = content(store)
        with pytest.raises(WrongExpectedVersion) as caught:
            store.append_all([("a", paid(), ANY), ("b", paid(), expected), ("c", paid(), ANY), ("d", paid(), 1)])
        assert (caught.value.stream, caught.value.expected, caught.value.current) == ("b", expected, 1)
        assert content(store) == known

    @pytest.mark.parametrize("expected", [ANY, NO_STREAM])
    def test_those_that_are_repeated_change_nothing_and_the_others_are_written(self, store, expected):
        events, (new, more) = paid(2), paid(2)
        recorded = store.append("b", events, expected)
        first = store.append_all([("a", new, ANY), ("b", events, expected), ("c", more, 0)])
        assert first[1] == recorded and [one[0][1:4] for one in first[::2]] == [("a", 1, 3), ("c", 1, 4)]
        known = content(store)
        assert store.append_all([("a", new, ANY), ("b", events, expected), ("c", more, 0)]) == first
        assert store.append_all([("b", events, expected)]) == [recorded] and content(store) == known

    @pytest.mark.parametrize("half", [[0, 2], [2, 0], [1, 0]])
    def test_half_an_old_append_among_them_refuses_all(self, store, half):
        events = paid(3)
        store.append("b", events[:2])
        known = content(store)
        with pytest.raises(InvalidUse, match="part"):
            store.append_all([("a", paid(2), ANY), ("b", [events[number] for number in half], ANY), ("c", paid(), ANY)])
        assert content(store) == known

    def test_several_appends_fire_appended_once_and_share_a_commit(self, store):
        fired, commits = [], store.db.commits
        store.appended.next().then(lambda _: fired.append(store.position))
        found = store.append_all([("a", paid(2), 0), ("b", paid(1), 0)])
        assert fired == [3] and store.db.commits == commits + 1
        store.appended.next().then(lambda _: fired.append(store.position))
        assert store.append_all([("a", [one.event for one in found[0]], 0)]) == [found[0]]
        assert fired == [3], "silent when nothing was added"

    # -------------------------------------------------------------------------------------- what is refused

    @pytest.mark.parametrize("use", [
        lambda store: store.append("", paid()),
        lambda store: store.append("x" * 256, paid()),
        lambda store: store.append(None, paid()),
        lambda store: store.append(17, paid()),
        lambda store: store.append(b"account-1", paid()),
        lambda store: store.append("account-\ud800", paid()),
        lambda store: store.append("account-1", None),
        lambda store: store.append("account-1", 17),
        lambda store: store.append("account-1", []),
        lambda store: store.append("account-1", "MoneyPaidIn"),
        lambda store: store.append("account-1", [*paid(), {"type": "MoneyPaidIn"}]),
        lambda store: store.append("account-1", [*paid(), None]),
        lambda store: store.append("account-1", paid() * 2),
        lambda store: store.append("account-1", [*paid(1, id="e-1"), *paid(1, id="e-1")]),
        lambda store: store.append("account-1", paid(), -1),
        lambda store: store.append("account-1", paid(), None),
        lambda store: store.append("account-1", paid(), True),
        lambda store: store.append("account-1", paid(), 1.0),
        lambda store: store.append("account-1", paid(), "1"),
        lambda store: store.append("account-1", paid(), "any"),
        lambda store: store.append("account-1", paid(), [1]),
        lambda store: store.append_all([("account-1", paid(), 2), ("account-1", paid(), 3)]),
        lambda store: store.append_all([("account-2", paid(), ANY), ("", paid(), ANY)]),
        lambda store: store.append_all([("account-2", paid(), ANY), ("account-1", [], ANY)]),
        lambda store: store.append_all([("account-2", paid(), ANY), ("account-1", paid(), -1)]),
        lambda store: store.append_all([("account-2", paid() * 2, ANY)]),
        lambda store: store.append_all([("account-2", paid())]),
        lambda store: store.append_all("account-2"),
        lambda store: store.append_all(None),
        lambda store: store.read(""),
        lambda store: store.read(None),
        lambda store: store.read("\udfff"),
        lambda store: store.read("account-1", after=2**63),
        lambda store: store.read("account-1", after=-1),
        lambda store: store.read("account-1", after="1"),
        lambda store: store.read("account-1", after=None),
        lambda store: store.read("account-1", limit=-1),
        lambda store: store.read("account-1", limit=1.5),
        lambda store: store.read("account-1", limit=True),
        lambda store: store.version(None),
        lambda store: store.version(["account-1"]),
        lambda store: store.version("\ud800"),
        lambda store: store.read_all(after=2**63),
        lambda store: store.read_all(after=-1),
        lambda store: store.read_all(limit="all"),
        lambda store: store.subscribe(after=-1),
        lambda store: store.subscribe(after=None),
        lambda store: store.save_snapshot("", {}, 1),
        lambda store: store.save_snapshot("account-1", {}, 1, schema=None),
        lambda store: store.save_snapshot("account-1", {}, 1, schema="two"),
        lambda store: store.save_snapshot("account-1", {}, 2**63),
        lambda store: store.load_snapshot(None),
        lambda store: store.load_snapshot("account-1", schema=-1),
        lambda store: store.drop_snapshot(""),
        lambda store: store.save_snapshot("account-1", {}, -1),
        lambda store: store.save_snapshot("account-1", {}, "1"),
        lambda store: store.save_snapshot("account-1", {"at": datetime.now(UTC)}, 1),
        lambda store: store.save_snapshot("account-1", {1, 2}, 1),
        lambda store: store.save_snapshot("account-1", (1, 2), 1),
        lambda store: store.save_snapshot("account-1", {1: 2}, 1),
        lambda store: store.save_snapshot("account-1", float("nan"), 1),
        lambda store: store.save_snapshot("account-1", "\ud800", 1),
        lambda store: store.save_snapshot("account-1", object(), 1),
    ])
    def test_a_wrong_argument_is_refused_at_once_and_changes_nothing(self, store, use):
        store.append("account-1", paid(2))
        store.save_snapshot("account-1", {"balance": 1}, 2)
        known = content(store)
        with pytest.raises(InvalidUse) as caught:
            use(store)
        assert caught.value.what and caught.value.next_step
        assert content(store) == known
        assert (store.load_snapshot("account-1"), store.load_snapshot("account-2")) == (({"balance": 1}, 2), None)

    def test_a_closed_store_can_do_nothing(self, make):
        with make() as store:
            store.append("account-1", paid())
        for use in (lambda: store.append("account-1", paid()), lambda: list(store.read("account-1")),
                    lambda: list(store.read_all()), lambda: store.version("account-1"), store.streams):
            with pytest.raises(EvlabError, match="closed"):
                use()
        store.close()

    # -------------------------------------------------------------------------------- subscribing, waiting

    def test_a_subscription_goes_on_where_it_stopped(self, store):
        store.append("account-1", paid(3))
        subscription, late = store.subscribe(), store.subscribe(after=2)
        assert [one.position for one in subscription] == [1, 2, 3]
        assert list(subscription) == [] and subscription.position == 3
        store.append("account-2", paid(2))
        assert [one.position for one in subscription] == [4, 5]
        assert [one.position for one in late] == [3, 4, 5]

    def test_a_subscription_that_was_left_in_the_middle_goes_on_with_the_next(self, store):
        store.append("account-1", paid(3))
        subscription = store.subscribe()
        for one in subscription:
            if one.position == 2:
                break
        assert subscription.position == 2
        assert [one.position for one in subscription] == [3]

    def test_appended_fires_once_for_each_append_that_adds_something(self, store):
        events, fired = paid(3), []

        def listen():
            store.appended.next().then(lambda _: (fired.append(store.position), listen()))

        listen()
        store.append("account-1", events)
        store.append("account-1", events)
        with pytest.raises(WrongExpectedVersion):
            store.append("account-1", paid(), 1)
        store.append("account-1", paid())
        assert fired == [3, 4], "on disk before anyone hears of it, and silent when nothing was added"

    # ------------------------------------------------------------------------------------------- snapshots

    @pytest.mark.parametrize("state", [{}, {"balance": 12.5, "owners": ["Ä", None, True]}, [], "text", 7, None, -0.5])
    def test_a_snapshot_comes_back(self, store, state):
        assert store.load_snapshot("account-1") is None
        store.save_snapshot("account-1", state, 3)
        assert store.load_snapshot("account-1") == (state, 3)
        assert store.load_snapshot("account-2") is None

    def test_the_newest_snapshot_of_a_form_is_kept(self, store):
        store.save_snapshot("account-1", "old", 3)
        store.save_snapshot("account-1", "new", 5)
        store.save_snapshot("account-1", "late", 4)
        store.save_snapshot("account-1", ["other form"], 4, schema=2)
        assert store.load_snapshot("account-1") == ("new", 5)
        assert store.load_snapshot("account-1", schema=2) == (["other form"], 4)
        assert store.load_snapshot("account-1", schema=3) is None

    def test_dropping_snapshots_leaves_the_events(self, store):
        store.append("account-1", paid(2))
        for stream in ("account-1", "account-2"):
            store.save_snapshot(stream, 1, 2)
            store.save_snapshot(stream, 1, 2, schema=2)
        store.drop_snapshot("account-1")
        store.drop_snapshot("nobody")
        assert store.load_snapshot("account-1") is store.load_snapshot("account-1", schema=2) is None
        assert store.load_snapshot("account-2") == (1, 2)
        assert store.version("account-1") == 2

    # ------------------------------------------------------------------------------------------- the model

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors])
    @given(steps=STEPS)
    def test_a_store_is_what_a_dict_of_lists_would_be(self, make, steps):
        """STORE-3: versions without gaps, expected version exact, against a dict model; repeats change nothing."""
        with make() as store:
            model = Model(store)
            for step, *arguments in steps:
                getattr(model, step.replace(" ", "_"))(*arguments)
                model.compare()


class Model:
    """A store, and beside it the dict of lists that says what must be in it."""

    def __init__(self, store):
        self.store = store
        self.streams, self.all, self.appends, self.snapshots = {}, [], [], {}

    def compare(self):
        assert list(self.store.read_all()) == self.all
        assert self.store.position == len(self.all)
        assert self.store.streams() == sorted(self.streams)
        for stream in STREAMS:
            assert list(self.store.read(stream)) == self.streams.get(stream, [])
            assert self.store.version(stream) == len(self.streams.get(stream, []))
            assert self.store.load_snapshot(stream) == self.snapshots.get(stream)

    def append(self, stream, count, expected):
        current, events = len(self.streams.get(stream, [])), paid(count)
        expected = {"right": current, "behind": current - 1, "ahead": current + 1}.get(expected, expected)
        if expected == -1:
            return
        met = {ANY: True, NO_STREAM: current == 0, STREAM_EXISTS: current > 0}.get(expected, expected == current)
        if not met:
            with pytest.raises(WrongExpectedVersion) as caught:
                self.store.append(stream, events, expected)
            assert (caught.value.expected, caught.value.current) == (expected, current)
            return
        recorded = self.store.append(stream, events, expected)
        assert [one.event for one in recorded] == events
        assert [(one.stream, one.version, one.position) for one in recorded] == [
            (stream, current + number, len(self.all) + number) for number in range(1, count + 1)]
        self.streams.setdefault(stream, []).extend(recorded)
        self.all.extend(recorded)
        self.appends.append((stream, events, expected, recorded))

    def append_all(self, appends):
        currents = [len(self.streams.get(stream, [])) for stream, _, _ in appends]
        appends = [(stream, paid(count), {"right": current, "ahead": current + 1}.get(expected, expected))
                   for (stream, count, expected), current in zip(appends, currents, strict=True)]
        ahead = [(stream, current) for (stream, _, expected), current in zip(appends, currents, strict=True)
                 if expected not in (ANY, current)]
        if ahead:
            with pytest.raises(WrongExpectedVersion) as caught:
                self.store.append_all(appends)
            assert (caught.value.stream, caught.value.current) == ahead[0]
            return
        found = self.store.append_all(appends)
        for (stream, events, expected), current, recorded in zip(appends, currents, found, strict=True):
            assert [one.event for one in recorded] == events
            assert [(one.stream, one.version, one.position) for one in recorded] == [
                (stream, current + number, len(self.all) + number) for number in range(1, len(events) + 1)]
            self.streams.setdefault(stream, []).extend(recorded)
            self.all.extend(recorded)
            self.appends.append((stream, events, expected, recorded))

    def repeat(self, number, as_it_was):
        if self.appends:
            stream, events, expected, recorded = self.appends[number % len(self.appends)]
            assert self.store.append(stream, events, expected if as_it_was else ANY) == recorded

    def half_old(self, number, new_first):
        if self.appends:
            stream, events, expected, _ = self.appends[number % len(self.appends)]
            with pytest.raises(InvalidUse):
                self.store.append(stream, paid() + events if new_first else events + paid(), expected)

    def read(self, stream, after, limit):
        assert list(self.store.read(stream, after, limit)) == self.streams.get(stream, [])[after:][:limit]

    def read_all(self, after, limit):
        assert list(self.store.read_all(after, limit)) == self.all[after:][:limit]

    def snapshot(self, stream, number):
        if number >= self.snapshots.get(stream, (None, 0))[1]:
            self.snapshots[stream] = ({"number": number}, number)
        self.store.save_snapshot(stream, {"number": number}, number)
