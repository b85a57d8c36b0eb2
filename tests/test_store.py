"""The event store: its contract on three grounds, and what only a file, a World or several processes can show."""

from __future__ import annotations

import contextlib
import itertools
from datetime import UTC, datetime, timedelta

import pytest
from contracts.store import StoreContract, content, paid
from store_child import append_beside_others, open_at_once, start, told
from store_files import fast_folder

from evlab.database import Database, NotADatabase
from evlab.env import Dead, Real, run
from evlab.errors import EvlabError, InvalidUse
from evlab.event import Event
from evlab.sim import World
from evlab.store import ANY, NO_STREAM, CorruptEvent, EventStore, NewerStore, NotAStore, WrongExpectedVersion


class TestInMemory(StoreContract):
    @pytest.fixture
    def make(self):
        return EventStore


class TestInAFile(StoreContract):
    @pytest.fixture
    def make(self, tmp_path):
        number = itertools.count()
        return lambda: EventStore(tmp_path / f"store-{next(number)}.db")


class TestInAWorld(StoreContract):
    @pytest.fixture
    def make(self):
        return lambda: EventStore("store.db", World(), node="bank")


# ----------------------------------------------------------------------------------------------------- the file


def test_a_file_is_what_it_was_when_it_is_opened_again(tmp_path):
    with EventStore(tmp_path / "store.db") as store:
        store.append("b", paid(3))
        store.append("a", paid(2))
        store.save_snapshot("a", {"balance": 1}, 2)
        known = content(store)
    with EventStore(str(tmp_path / "store.db")) as store:
        assert content(store) == known and store.load_snapshot("a") == ({"balance": 1}, 2)
        assert store.append("a", paid(), 2)[0].position == 6


def test_two_handles_on_one_file_see_each_other(tmp_path):
    with EventStore(tmp_path / "store.db") as first, EventStore(tmp_path / "store.db") as second:
        subscription = second.subscribe()
        first.append("a", paid(2))
        assert [one.version for one in second.append("a", paid(), 2)] == [3]
        with pytest.raises(WrongExpectedVersion) as caught:
            first.append("a", paid(), 2)
        assert caught.value.current == 3
        assert [one.position for one in subscription] == [1, 2, 3]


def test_two_handles_that_append_several_in_one_go_see_each_other(tmp_path):
    with EventStore(tmp_path / "store.db") as first, EventStore(tmp_path / "store.db") as second:
        first.append_all([("a", paid(2), 0), ("b", paid(), 0)])
        second.append_all([("b", paid(2), 1), ("a", paid(), 2)])
        with pytest.raises(WrongExpectedVersion) as caught:
            first.append_all([("a", paid(), 3), ("b", paid(), 1)])
        assert (caught.value.stream, caught.value.current) == ("b", 3)
        first.append_all([("a", paid(), 3), ("b", paid(), 3)])
        first.append_all([("b", paid(), 4), ("a", paid(), 4)])
        second.append("a", paid(), 5)
        first.append_all([("a", paid(), 6), ("c", paid(), 0)])
        assert [first.version(stream) for stream in "abc"] == [7, 5, 1] and second.position == 13
        assert [one.position for one in second.read_all()] == list(range(1, 14))


def test_of_several_appends_that_are_rolled_back_nothing_is_believed_when_the_store_is_as_long_again(tmp_path):
    with EventStore(tmp_path / "store.db") as first, EventStore(tmp_path / "store.db") as second:
        first.append_all([("a", paid(2), 0), ("b", paid(), 0)])
        fired = []
        first.appended.next().then(lambda _: fired.append(first.position))
        with pytest.raises(ValueError), first.db.transaction():
            first.append_all([("a", paid(2), 2)])
            raise ValueError
        second.append("c", paid(2))
        with pytest.raises(WrongExpectedVersion) as caught:
            first.append_all([("a", paid(), 4)])
        assert caught.value.current == 2 and first.position == 5 and fired == []


def test_of_several_appends_that_are_rolled_back_nothing_is_remembered():
    store = EventStore()
    store.append_all([("a", paid(2), 0), ("b", paid(), 0)])
    with pytest.raises(ValueError), store.db.transaction():
        store.append_all([("a", paid(2), 2), ("b", paid(), 1)])
        store.append_all([("a", paid(2), 4), ("c", paid(), 0)])
        raise ValueError
    found = store.append_all([("a", paid(), 2), ("b", paid(), 1), ("c", paid(), 0)])
    assert [[(one.version, one.position) for one in recorded] for recorded in found] == [[(3, 4)], [(2, 5)], [(1, 6)]]


def test_a_store_in_memory_is_its_own():
    with EventStore() as first, EventStore() as second:
        first.append("a", paid())
        assert second.position == 0


def test_another_programs_database_is_not_touched(tmp_path):
    path = tmp_path / "other.db"
    with Database(path) as other:
        other.execute("CREATE TABLE customers (name TEXT)")
    with pytest.raises(NotAStore, match="other.db") as caught:
        EventStore(path)
    assert caught.value.path == str(path)
    with Database(path) as other:
        assert other.rows("SELECT name FROM sqlite_master") == [("customers",)]
        other.execute("DROP TABLE customers")
        other.execute("PRAGMA application_id = 77")
    with pytest.raises(NotAStore):
        EventStore(path)


def test_a_newer_format_is_refused_and_left_as_it_is(tmp_path):
    path = tmp_path / "store.db"
    with EventStore(path) as store:
        store.append("a", paid())
        store.db.execute("PRAGMA user_version = 2")
    before = path.read_bytes()
    with pytest.raises(NewerStore, match="format 2"):
        EventStore(path)
    assert path.read_bytes() == before


def test_what_is_no_database_is_named(tmp_path):
    path = tmp_path / "store.db"
    path.write_bytes(b"customer,amount\n" * 100)
    with pytest.raises(NotADatabase, match="store.db"):
        EventStore(path)
    assert path.read_bytes() == b"customer,amount\n" * 100


def test_a_store_says_what_it_is(tmp_path):
    with EventStore(tmp_path / "store.db") as store:
        first, _ = store.append("account-1", paid(2))
        assert repr(store) == f"EventStore({str(tmp_path / 'store.db')!r}, 2 events)"
        assert str(first) == "1 account-1/1 MoneyPaidIn"


def test_a_stream_may_have_any_characters():
    with EventStore() as store:
        for name in ("a\0b", "a", "日本", "\U0001f600", "a'; DROP TABLE events; --"):
            store.append(name, paid())
            assert [one.stream for one in store.read(name)] == [name]


# ------------------------------------------------------------------------------------------- several processes


def test_eight_processes_append_to_one_file(amount):
    """STORE-3: eight processes append to one stream, four with the version they believe in, again after a conflict,
    and four with ANY. Each append is there once, in the order of its process, and no number is missing.

    The file is in memory where the system has a folder there: this is about locks and numbers. On a disk the same
    appends wait for 16,000 fsyncs.
    """
    appends = amount(2_000, 10_000)
    with fast_folder() as folder:
        path = folder / "store.db"
        children = [start(append_beside_others, path, name, appends, name < "e") for name in "abcdefgh"]
        heard = [told(*child) for child in children]
        assert [len(messages) for messages in heard] == [1] * 8, "each child came to its end"
        assert sum(conflicts for conflicts, in heard[:4]) > 0 == sum(conflicts for conflicts, in heard[4:])
        with EventStore(path) as store:
            found = list(store.read("account-1"))
            assert list(store.read_all()) == found
    numbers = list(range(1, 8 * appends + 1))
    assert [one.version for one in found] == [one.position for one in found] == numbers
    for name in "abcdefgh":
        ids = [one.event.id for one in found if one.event.id[0] == name]
        assert ids == [f"{name}/{number}" for number in range(appends)]


def test_a_new_file_may_be_opened_by_several_at_once(tmp_path):
    for attempt in range(5):
        gate = tmp_path / f"{attempt}.gate"
        children = [start(open_at_once, tmp_path / f"{attempt}.db", name, gate) for name in "abcd"]
        assert [pipe.recv() for _, pipe in children] == ["ready"] * 4
        gate.touch()
        assert sorted(position for child in children for position in told(*child)) == [1, 2, 3, 4]


# --------------------------------------------------------------------------------------------------- damaged rows


@pytest.fixture
def kept():
    """A store whose rows a test may damage."""
    with EventStore() as store:
        store.append("account-1", paid(3))
        store.append("account-2", paid(3))
        yield store


@pytest.mark.parametrize("damage", [
    "row = substr(row, 1, length(row) - 1)", "row = x''", "row = 'text'", "row = (SELECT row FROM events LIMIT 1)",
    "checksum = checksum + 1", "checksum = 'text'", "id = 'other'", "id = x'00ff'", "id = id || ' '"])
def test_a_row_that_was_changed_is_named_and_the_others_are_read(kept, damage):
    kept.db.execute(f"UPDATE events SET {damage} WHERE position = 5")
    for read, whole in ((lambda: kept.read("account-2"), 1), (kept.read_all, 4)):
        given = []
        with pytest.raises(CorruptEvent) as caught:
            given.extend(one for one in iterate(read(), given))
        error = caught.value
        assert (error.stream, error.version, error.position) == ("account-2", 2, 5) and not error.retriable
        assert len(given) == whole and error.why and error.next_step
    assert len(list(kept.read("account-1"))) == 3
    assert [one.version for one in kept.read("account-2", after=2)] == [3]


def iterate(recorded, given):
    """What is read until an error comes, kept in `given`."""
    for one in recorded:
        given.append(one)
    return ()


@pytest.mark.parametrize("damage, error", [
    ("UPDATE events SET position = 9 WHERE position = 5", CorruptEvent),
    ("UPDATE events SET version = 9 WHERE position = 5", CorruptEvent),
    ("UPDATE events SET version = 'two' WHERE position = 5", CorruptEvent),
    ("UPDATE events SET version = version + 10 WHERE stream = 'account-2'", CorruptEvent),
    ("UPDATE events SET position = position + 10 WHERE stream = 'account-2'", CorruptEvent),
    ("UPDATE events SET stream = 'account-2', version = 4 WHERE position = 3", CorruptEvent),
    ("UPDATE events SET stream = cast(x'ff' AS TEXT) WHERE position = 5", EvlabError),
    ("DELETE FROM events WHERE position = 4", CorruptEvent),
    ("DELETE FROM events WHERE position = 5", CorruptEvent),
    ("DELETE FROM events WHERE position = 1", CorruptEvent),
    ("DELETE FROM events WHERE position = 6", CorruptEvent),
    ("DELETE FROM events WHERE stream = 'account-2'", CorruptEvent),
    ("UPDATE heads SET version = version + 1", CorruptEvent),
])
def test_rows_that_are_not_where_they_should_be_are_missed(kept, damage, error):
    """Versions and positions have no gaps: a row that vanished, or that a damaged index hides, leaves one."""
    kept.db.execute(damage)
    with pytest.raises(error):
        list(kept.read_all())
    with pytest.raises(error):
        list(kept.read("account-1")) + list(kept.read("account-2"))


@pytest.mark.parametrize("damage", [
    "DELETE FROM events WHERE position = 6", "UPDATE heads SET version = 2 WHERE version = 3",
    "UPDATE heads SET version = 'three' WHERE version = 3", "DELETE FROM heads WHERE stream = 'account-2'"])
def test_a_version_that_the_file_says_in_two_ways_is_not_believed(tmp_path, damage):
    path = tmp_path / "events.db"
    with EventStore(path) as before:
        before.append("account-1", paid(3))
        before.append("account-2", paid(3))
        before.db.execute(damage)
        with pytest.raises(CorruptEvent):
            before.version("account-2")
    with EventStore(path) as store, pytest.raises(CorruptEvent):
        store.append("account-2", paid(), 3)


def test_who_has_appended_last_goes_on_by_what_it_knows_and_the_reader_misses_what_vanished(kept):
    kept.db.execute("DELETE FROM events WHERE position = 6")
    assert kept.append("account-2", paid(), 3)[0].version == 4
    with pytest.raises(CorruptEvent, match="event 3 of account-2"):
        list(kept.read("account-2"))
    with pytest.raises(CorruptEvent, match="event 6 of the store"):
        list(kept.read_all())


@pytest.mark.parametrize("rolled_back", [False, True])
def test_what_a_store_knows_of_its_end_is_not_believed_once_others_have_appended(tmp_path, rolled_back):
    """It knows versions from its last append; another handle, or a rollback, makes them false."""
    path = tmp_path / "events.db"
    with EventStore(path) as ours, EventStore(path) as theirs:
        ours.append("a", paid(), 0)
        if rolled_back:
            with pytest.raises(ZeroDivisionError), ours.db.transaction():
                ours.append("a", paid(), 1)
                ours.append("b", paid(), 0)
                raise ZeroDivisionError
        theirs.append("a", paid(), 1)
        theirs.append("b", paid(), 0)
        for expected in (1, NO_STREAM, 3):
            with pytest.raises(WrongExpectedVersion) as caught:
                ours.append("a", paid(), expected)
            assert caught.value.current == 2
        with pytest.raises(WrongExpectedVersion):
            ours.append("b", paid(), 0)
        assert [one.position for one in ours.append("b", paid(2))] == [4, 5]
        assert [(one.stream, one.version) for one in theirs.read_all()] == [
            ("a", 1), ("a", 2), ("b", 1), ("b", 2), ("b", 3)]


def test_an_append_of_others_that_was_noticed_at_one_stream_is_not_forgotten_at_another(tmp_path):
    with EventStore(tmp_path / "events.db") as ours, EventStore(tmp_path / "events.db") as theirs:
        ours.append("a", paid())
        theirs.append("a", paid())
        ours.append("b", paid())
        assert ours.append("a", paid())[0].version == 3


@pytest.mark.parametrize("later, others", [("a", "b"), ("b", "a")])
def test_what_a_store_knows_is_not_believed_once_a_backup_was_put_back(tmp_path, later, others):
    """The file is as long again as this handle knows, with other events: the version of the stream is proven, too."""
    path = tmp_path / "events.db"
    with EventStore(path) as ours, EventStore(path) as theirs, Database() as backup:
        ours.append("a", paid(2))
        ours.append("b", paid())
        theirs.db._connection.backup(backup._connection)
        ours.append(later, paid())
        backup._connection.backup(theirs.db._connection)
        theirs.append(others, paid())
        assert theirs.position == ours._end == 4
        version = theirs.version("a")
        assert ours.append("a", paid())[0].version == version + 1
        assert ours.append("a", paid(), version + 1)[0].version == version + 2
        assert [one.version for one in theirs.read("a")] == list(range(1, version + 3))
        assert [one.position for one in ours.read_all()] == list(range(1, 7))


@pytest.mark.parametrize("later, others", [("a", "b"), ("b", "a")])
def test_an_append_to_several_streams_makes_no_gap_once_a_backup_was_put_back(tmp_path, later, others):
    path = tmp_path / "events.db"
    with EventStore(path) as ours, EventStore(path) as theirs, Database() as backup:
        ours.append("a", paid(2))
        ours.append("b", paid())
        theirs.db._connection.backup(backup._connection)
        ours.append(later, paid())
        backup._connection.backup(theirs.db._connection)
        theirs.append(others, paid())
        with contextlib.suppress(CorruptEvent):  # it finds the versions, or says that it does not know them
            ours.append_all([("c", paid(), ANY), ("a", paid(), ANY)])
        end, version = theirs.position, theirs.version("a")
        [[first], [second]] = ours.append_all([("c", paid(), ANY), ("a", paid(), ANY)])
        assert (first.position, second.position, second.version) == (end + 1, end + 2, version + 1)
        assert len(list(ours.read_all())) == end + 2 and len(list(theirs.read("a"))) == version + 1


@pytest.mark.parametrize("upcasters", [5, "all", {"Deposited": None}])
def test_what_cannot_bring_an_event_up_to_date_is_refused(upcasters):
    with pytest.raises(InvalidUse, match="bring no event up to date"):
        EventStore(upcasters=upcasters)


@pytest.mark.parametrize("stream, expected", [
    (["a"], 1), (None, 1), (b"a", 1), ("", 1), ("\ud800", 1), ("a", -1), ("a", True), ("a", 1.0), ("a", None)])
def test_a_known_stream_does_not_make_a_wrong_call_right(stream, expected):
    with EventStore() as store:
        store.append("a", paid(), 0)
        with pytest.raises(InvalidUse):
            store.append(stream, paid()[0], expected)
        assert store.append("a", paid()[0], 1)[0].version == 2


def test_what_was_rolled_back_to_a_savepoint_is_not_believed(tmp_path):
    with EventStore(tmp_path / "events.db") as ours, EventStore(tmp_path / "events.db") as theirs:
        ours.append("a", paid())
        with ours.db.transaction():
            ours.db.execute("SAVEPOINT here")
            ours.append("a", paid())
            ours.db.execute("ROLLBACK TO here")
        theirs.append("b", paid())
        assert ours.append("a", paid())[0][1:4] == ("a", 2, 3)
        assert [one.version for one in theirs.read("a")] == [1, 2]


def test_an_id_that_is_there_already_moves_nothing(kept):
    first = paid()
    kept.append("account-1", first, 3)
    assert kept.append("account-1", first, ANY) == kept.append("account-1", first, 3)
    assert (kept.version("account-1"), kept.position) == (4, 7)
    with pytest.raises(InvalidUse):
        kept.append("account-1", [*paid(), *first])
    assert (kept.version("account-1"), kept.position) == (4, 7)
    assert kept.append("account-2", paid())[0].position == 8


@pytest.mark.parametrize("damage", [
    "DELETE FROM events WHERE stream = 'account-2'", "DELETE FROM heads WHERE stream = 'account-2'",
    "UPDATE heads SET stream = 'account-3' WHERE stream = 'account-2'"])
def test_streams_that_the_file_lists_in_two_ways_are_not_believed(kept, damage):
    kept.db.execute(damage)
    with pytest.raises(CorruptEvent):
        kept.streams()


def test_a_record_that_belongs_elsewhere_is_not_taken(kept):
    """All columns of another row, record and checksum too: only its place is wrong."""
    kept.db.execute("DELETE FROM events WHERE position = 6")
    kept.db.execute("INSERT INTO events SELECT 6, 'account-2', 3, id, row, checksum FROM events WHERE position = 2")
    with pytest.raises(CorruptEvent, match="column"):
        list(kept.read("account-2"))


def test_a_snapshot_that_cannot_be_read_at_all_is_an_error_of_evlabs(kept):
    kept.save_snapshot("account-1", {"balance": 1}, 2)
    kept.db.execute("UPDATE snapshots SET state = cast(x'ff' AS TEXT)")
    with pytest.raises(EvlabError):
        kept.load_snapshot("account-1")


@pytest.mark.parametrize("damage", [
    "state = x'00'", "checksum = 0", "state = 'text'", "version = 3", "state = cast(state AS TEXT)", "state = 7",
    "state = (SELECT state FROM snapshots WHERE stream = 'account-2'),"
    " checksum = (SELECT checksum FROM snapshots WHERE stream = 'account-2')"])
def test_a_damaged_snapshot_is_named_and_can_be_dropped(kept, damage):
    for stream in ("account-1", "account-2"):
        kept.save_snapshot(stream, {"balance": 1}, 2)
    kept.db.execute(f"UPDATE snapshots SET {damage} WHERE stream = 'account-1'")
    with pytest.raises(CorruptEvent, match="drop_snapshot") as caught:
        kept.load_snapshot("account-1")
    assert caught.value.stream == "account-1"
    kept.drop_snapshot("account-1")
    assert kept.load_snapshot("account-1") is None and kept.load_snapshot("account-2") == ({"balance": 1}, 2)


# ------------------------------------------------------------------------------------------- time, upcasters, env


def test_recorded_at_is_the_time_of_the_append_by_the_clock_of_the_env():
    world = World()
    world.run(until=90.5)
    with EventStore(env=world) as store:
        recorded, = store.append("account-1", Event(type="MoneyPaidIn", time=datetime(2020, 1, 1, tzinfo=UTC)))
        assert recorded.recorded_at == datetime(2026, 1, 5, 9, tzinfo=UTC) + timedelta(seconds=90.5)
        assert next(store.read_all()) == recorded
    with EventStore() as store:
        before = datetime.now(UTC)
        recorded, = store.append("account-1", paid())
        assert before <= recorded.recorded_at + timedelta(microseconds=1)


def test_events_are_upcast_when_they_are_read_and_the_file_keeps_the_old_form(tmp_path):
    class Upcasters:
        def upcast(self, event):
            return Event(type=event.type, data={**event.data, "currency": "EUR"}, version=2, id=event.id,
                         time=event.time)

    with EventStore(tmp_path / "store.db", upcasters=Upcasters()) as store:
        event, = paid()
        store.append("account-1", event)
        for recorded in (next(store.read("account-1")), next(store.read_all()), *store.append("account-1", event)):
            assert (recorded.event.data, recorded.event.version) == ({"amount": 0, "currency": "EUR"}, 2)
    with EventStore(tmp_path / "store.db") as store:
        assert next(store.read_all()).event == event


@pytest.mark.parametrize("virtual", [False, True])
def test_a_process_waits_for_what_is_appended(virtual):
    env = World() if virtual else Real()
    store, seen = EventStore(env=env), []

    def reader():
        subscription = store.subscribe()
        while len(seen) < 4:
            seen.extend(one.position for one in subscription)
            if len(seen) < 4:
                yield store.appended

    def writer():
        for _ in range(2):
            yield 0.001
            store.append("account-1", paid(2))

    if virtual:
        env.spawn(reader(), "reader")
        env.spawn(writer(), "bank")
        env.run()
    else:
        env.spawn(writer())
        run(reader(), env)
    assert seen == [1, 2, 3, 4]


# --------------------------------------------------------------------------------------------------- in a World


def test_a_restarted_node_finds_what_was_committed_and_other_nodes_do_not():
    world, lives = World(), itertools.count(1)

    def boot():
        with EventStore("store.db", world) as store:
            store.append(f"life-{next(lives)}", paid())

    world.node("bank", boot)
    world.after(1, lambda: world.crash("bank", down=1))
    world.run()
    assert EventStore("store.db", world, node="bank").streams() == ["life-1", "life-2"]
    assert EventStore("store.db", world, node="email").streams() == []
    assert EventStore("other.db", world, node="bank").streams() == []


@pytest.mark.parametrize("use", [
    lambda store: store.append("a", paid()), lambda store: list(store.read("a")), lambda store: store.version("a"),
    lambda store: list(store.subscribe()), lambda store: store.save_snapshot("a", 1, 1),
    lambda store: store.load_snapshot("a"), lambda store: store.drop_snapshot("a")])
def test_a_store_of_an_earlier_life_is_dead(use):
    world, stores = World(), []
    world.node("bank", lambda: stores.append(EventStore("store.db", world)))
    world.crash("bank")
    world.restart("bank")
    stores[1].append("a", paid())
    stores[1].save_snapshot("a", "state", 1)
    with pytest.raises(Dead):
        use(stores[0])
    assert stores[1].version("a") == 1 and stores[1].load_snapshot("a") == ("state", 1)


def test_a_read_that_a_crash_cut_short_does_not_go_on():
    world, read = World(), []

    def boot():
        store = EventStore("store.db", world)
        if not store.position:
            store.append("a", paid(2500))
            reading = store.read_all()
            read.append(next(reading))
            world.after(1, lambda: read.extend(reading))

    world.node("bank", boot)
    world.after(0.5, lambda: world.crash("bank", down=0.1))
    world.run()
    assert len(read) == 1


def test_appended_is_silent_until_the_outer_transaction_is_on_disk():
    """Or a follower would handle an event that is rolled back a moment later."""
    store, seen = EventStore(), []
    store.appended.next().then(lambda _: seen.append(store.position))
    with pytest.raises(ValueError, match="no"), store.db.transaction():
        store.append("a", Event(type="A", data={}, source="s"))
        raise ValueError("no")
    assert seen == []
    with store.db.transaction():
        store.append("a", Event(type="A", data={}, source="s"))
        assert seen == []
    assert seen == [1]
