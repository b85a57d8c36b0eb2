"""The event store in PostgreSQL: its contract, and what only a server, its death or several processes can show."""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
import sys
import threading
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from contracts.store import STEPS, StoreContract, content, paid
from hypothesis import HealthCheck, given, settings
from postgres_child import BySequence, Wire, append_beside_others, append_until_unreachable, event
from store_child import start, told

from brokers import postgres as broker
from brokers.common import NotInstalled, answers, free_port
from evlab.database import ConstraintFailed, Database, DatabaseBusy, DatabaseError
from evlab.decider import CommandHandler, Decider
from evlab.engines import EngineUnreachable, NotOnThisEngine
from evlab.engines import postgres_database as database
from evlab.engines.postgres import PostgresEventStore
from evlab.engines.postgres_gap import gap
from evlab.env import Real, run
from evlab.errors import EvlabError, InvalidUse
from evlab.event import Event
from evlab.projection import Projection, Projector
from evlab.sim import World
from evlab.store import ANY, NO_STREAM, CorruptEvent, EventStore, NewerStore, NotAStore, WrongExpectedVersion

_number = itertools.count()


@pytest.fixture(scope="module")
def made(postgres):
    """The schemas that these tests have made, which are gone afterwards; or the whole server is."""
    names = []
    yield names
    if "EVLAB_POSTGRES" not in os.environ:
        return
    with psycopg.connect(postgres, autocommit=True) as link:
        for first in range(0, len(names), 20):
            link.execute(f"DROP SCHEMA IF EXISTS {', '.join(names[first:first + 20])} CASCADE")


@pytest.fixture
def schema(made):
    """A schema that is not there yet."""
    made.append(f"test_{os.getpid()}_{next(_number)}")
    return made[-1]


@pytest.fixture
def make(postgres, made):
    """`make()`: a new, empty store in a schema of its own."""

    def make(**more):
        made.append(f"test_{os.getpid()}_{next(_number)}")
        return PostgresEventStore(postgres, made[-1], **more)

    return make


@pytest.fixture
def store(make):
    with make() as store:
        yield store


@pytest.fixture(scope="module")
def own(tmp_path_factory, postgres):
    """A server that a test may stop and kill. Whoever does that starts it again."""
    try:
        with broker.Server(tmp_path_factory.mktemp("own")) as server:
            yield server
    except NotInstalled as missing:
        pytest.skip(f"no server of our own: {missing}")


@pytest.fixture(scope="module")
def emptied():
    """Schemas that are as good as new."""
    return []


class TestOnPostgres(StoreContract):
    @pytest.fixture
    def make(self, postgres, made, emptied):
        """A schema for each store, which is emptied afterwards and used again: to make one takes ten times as long."""
        used = []

        def make():
            if not emptied:
                made.append(f"test_{os.getpid()}_{next(_number)}")
                emptied.append(made[-1])
            used.append(emptied.pop())
            return PostgresEventStore(postgres, used[-1])

        yield make
        with psycopg.connect(postgres) as link:
            for name in used:
                link.execute(f"DELETE FROM {name}.snapshots; DELETE FROM {name}.events; DELETE FROM {name}.heads;"
                             f"INSERT INTO {name}.heads VALUES ('', 0)")
        emptied.extend(used)

    @settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture,
                                                      HealthCheck.differing_executors])
    @given(steps=STEPS)
    def test_a_store_is_what_a_dict_of_lists_would_be(self, make, steps):
        """Fifteen examples, not a hundred: each step is compared in a dozen queries, and each append is an fsync."""
        StoreContract.test_a_store_is_what_a_dict_of_lists_would_be.hypothesis.inner_test(self, make, steps)


def again(store, **more):
    """Another handle on the same schema."""
    return PostgresEventStore(store.db._dsn, store.db.schema, **more)


# --------------------------------------------------------------------------------------------- the order of all events


def test_a_reader_by_a_sequence_never_sees_what_commits_late(postgres):
    assert gap(postgres) == gap(postgres) == ([2], [1, 2])


def followed(kind, read_ids, dsn, schema, appends):
    """Four processes append, two readers go on by position meanwhile: what there is in the end, and what each saw."""
    with kind(dsn, schema):
        pass  # the tables are there before the readers
    over, seen = threading.Event(), [[], []]

    def follow(mine):
        with kind(dsn, schema) as store:
            after, last = 0, False
            while not last:
                last = over.wait(0.001)
                for position, id in read_ids(store, after):
                    after = position
                    mine.append(id)

    readers = [threading.Thread(target=follow, args=(mine,)) for mine in seen]
    children = [start(append_beside_others, kind, dsn, schema, name, appends, False) for name in "abcd"]
    for reader in readers:
        reader.start()
    heard = [told(*child) for child in children]
    over.set()
    for reader in readers:
        reader.join()
    assert heard == [[0]] * 4, "each child came to its end"
    with kind(dsn, schema) as store:
        return [id for _, id in read_ids(store, 0)], seen


def ids_of_store(store, after):
    return [(one.position, one.event.id) for one in store.read_all(after=after)]


def test_every_reader_by_position_sees_every_event_once_while_four_processes_append(postgres, schema, amount):
    appends = amount(20, 500)
    there, seen = followed(PostgresEventStore, ids_of_store, postgres, schema, appends)
    assert len(there) == 4 * appends and seen == [there, there]
    for name in "abcd":
        assert [id for id in there if id[0] == name] == [f"{name}/{number}" for number in range(appends)]
    with PostgresEventStore(postgres, schema) as store:
        assert [one.position for one in store.read_all()] == list(range(1, 4 * appends + 1))
        assert [one.version for one in store.read("account-1")] == list(range(1, 2 * appends + 1))
        times = [one.recorded_at for one in store.read_all()]
        assert times == sorted(times), "one clock, the server's"


def test_the_same_readers_miss_events_of_a_table_that_draws_positions_from_a_sequence(postgres, schema, measured):
    """The test above can fail: in each of a few rounds it would, most likely in the first."""
    try:
        for attempt in range(20):
            there, seen = followed(BySequence, BySequence.read_ids, postgres, f"{schema}_{attempt}", 30)
            if missed := [len(there) - len(mine) for mine in seen if mine != there]:
                break
    finally:
        with psycopg.connect(postgres, autocommit=True) as link:
            for number in range(attempt + 1):
                link.execute(f"DROP TABLE {schema}_{number}_naive")
    assert missed and len(there) == 120
    measured(f"PostgreSQL: of 120 events by a sequence, readers by position missed {missed}")


def test_four_processes_that_append_to_one_stream_by_the_version_they_know_leave_no_gap(postgres, schema):
    with PostgresEventStore(postgres, schema):
        pass
    children = [start(append_beside_others, PostgresEventStore, postgres, schema, name, 10, True) for name in "abcd"]
    heard = [told(*child) for child in children]
    assert [len(messages) for messages in heard] == [1] * 4 and sum(conflicts for conflicts, in heard) > 0
    with PostgresEventStore(postgres, schema) as store:
        found = list(store.read("account-1"))
        assert [one.version for one in found] == [one.position for one in found] == list(range(1, 41))
        assert len({one.event.id for one in found}) == 40


def test_a_rollback_leaves_no_gap(store):
    with pytest.raises(ZeroDivisionError), store.db.transaction():
        store.append("a", paid(3))
        raise ZeroDivisionError
    assert store.append("a", paid())[0][1:4] == ("a", 1, 1)


def test_a_new_schema_may_be_opened_by_several_at_once(postgres, schema):
    children = [start(append_beside_others, PostgresEventStore, postgres, schema, name, 1, False) for name in "abcd"]
    assert [told(*child) for child in children] == [[0]] * 4
    with PostgresEventStore(postgres, schema) as store:
        assert store.position == 4 and store.streams() == ["a", "b", "c", "d"]


# ------------------------------------------------------------------------------------------------------- the schema


def test_a_schema_is_what_it_was_when_it_is_opened_again_and_others_are_not_touched(store, make):
    store.append("b", paid(3))
    store.append("a", paid(2))
    store.save_snapshot("a", {"balance": 1}, 2)
    known = content(store)
    with again(store) as second, make() as other:
        assert content(second) == known and second.load_snapshot("a") == ({"balance": 1}, 2)
        assert second.append("a", paid(), 2)[0].position == 6 and store.version("a") == 3
        assert other.position == 0


def test_a_schema_of_another_program_is_refused_and_an_empty_one_is_taken(postgres, schema):
    with psycopg.connect(postgres, autocommit=True) as link:
        link.execute(f"CREATE SCHEMA {schema}")
        link.execute(f"CREATE TABLE {schema}.customers (name text)")
        with pytest.raises(NotAStore, match=schema) as caught:
            PostgresEventStore(postgres, schema)
        assert caught.value.schema == schema and caught.value.next_step
        link.execute(f"CREATE TABLE {schema}.evlab_store (owner text)")
        with pytest.raises(NotAStore):
            PostgresEventStore(postgres, schema)
        tables = link.execute("SELECT count(*) FROM pg_tables WHERE schemaname = %s", (schema,)).fetchone()
        assert tables == (2,)
        link.execute(f"DROP TABLE {schema}.customers, {schema}.evlab_store")
    with PostgresEventStore(postgres, schema) as store:
        assert store.position == 0


def test_a_newer_format_is_refused_and_left_as_it_is(store):
    store.append("a", paid())
    store.db.execute("UPDATE evlab_store SET format = 2")
    with pytest.raises(NewerStore, match="format 2"):
        again(store)
    assert store.db.value("SELECT format FROM evlab_store") == 2


@pytest.mark.parametrize("dsn", ["postgresql://[", "nonsense", 5, None, "\ud800"])
def test_what_is_no_address_is_refused(dsn):
    with pytest.raises(InvalidUse, match="no address of a PostgreSQL database"):
        PostgresEventStore(dsn)


def test_what_is_no_env_is_refused():
    with pytest.raises(InvalidUse, match="is no Env"):
        PostgresEventStore("postgresql://127.0.0.1:1/shop", env=5)


@pytest.mark.parametrize("name", ["", "x" * 64, "pg_mine", "a\0b", None, 7])
def test_what_can_name_no_schema_is_refused(postgres, name):
    with pytest.raises(InvalidUse):
        PostgresEventStore(postgres, name)


def test_names_are_never_read_as_sql(postgres, make):
    """Streams, ids and schemas reach the server beside the statement, or quoted, never as a part of it."""
    bad = ["a'; DROP TABLE events; --", 'a"; DROP TABLE events; --', "%s", "%(stream)s", "$1", "\\", "a' OR '1'='1",
           "a\\'; DROP TABLE heads; --", "日本", "\U0001f600", "'", '"', "--", ";", "{}"]
    with make() as store:
        for name in bad:
            store.append(name, event(name))
            store.save_snapshot(name, {"of": name}, 1)
            assert store.load_snapshot(name) == ({"of": name}, 1)
        for name in bad:
            assert [(one.stream, one.event.id) for one in store.read(name)] == [(name, name)]
            assert store.append(name, event(name))[0].version == 1 == store.version(name)
        assert store.streams() == sorted(bad) and store.position == len(bad)
    name = f"it's \"{next(_number)}\"; DROP SCHEMA public; --%s {os.getpid()}"
    try:
        with PostgresEventStore(postgres, name) as store, PostgresEventStore(postgres, name) as other:
            store.append("a", paid())
            assert other.wait(0, timeout=0) and store.db.value("SELECT current_schema()") == name
            assert store.db.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'public'") == 1
    finally:
        with psycopg.connect(postgres, autocommit=True) as link:
            link.execute(psycopg.sql.SQL("DROP SCHEMA {} CASCADE").format(psycopg.sql.Identifier(name)))


# ------------------------------------------------------------------------------------------------------ damaged rows


@pytest.mark.parametrize("damage", [
    "record = substr(record, 1, length(record) - 1)", "record = ''", "checksum = checksum + 1", "id = 'other'",
    "record = (SELECT record FROM events WHERE position = 1)"])
def test_a_row_that_was_changed_is_named_and_the_others_are_read(store, damage):
    store.append("account-1", paid(3))
    store.append("account-2", paid(3))
    store.db.execute(f"UPDATE events SET {damage} WHERE position = 5")
    for read, whole in ((lambda: store.read("account-2"), 1), (store.read_all, 4)):
        given = []
        with pytest.raises(CorruptEvent) as caught:
            for one in read():
                given.append(one)
        error = caught.value
        assert (error.stream, error.version, error.position) == ("account-2", 2, 5) and len(given) == whole
    assert len(list(store.read("account-1"))) == 3


@pytest.mark.parametrize("damage", [
    "UPDATE events SET position = 9 WHERE position = 5", "UPDATE events SET version = 9 WHERE position = 5",
    "UPDATE events SET stream = 'account-2', version = 4 WHERE position = 3", "UPDATE heads SET version = version + 1",
    *(f"DELETE FROM events WHERE position = {position}" for position in (1, 4, 5, 6)),
    "DELETE FROM events WHERE stream = 'account-2'"])
def test_rows_that_are_not_where_they_should_be_are_missed(store, damage):
    store.append("account-1", paid(3))
    store.append("account-2", paid(3))
    store.db.execute(damage)
    with pytest.raises(CorruptEvent):
        list(store.read_all())
    with pytest.raises(CorruptEvent):
        list(store.read("account-1")) + list(store.read("account-2"))
    with pytest.raises(CorruptEvent):
        [store.append(stream, paid()) for stream in ("account-1", "account-2")]
        list(store.read_all())


@pytest.mark.parametrize("damage", ["state = ''", "checksum = 0", "version = 3", "state = decode('ff', 'hex')"])
def test_a_damaged_snapshot_is_named_and_can_be_dropped(store, damage):
    store.save_snapshot("account-1", {"balance": 1}, 2)
    store.db.execute(f"UPDATE snapshots SET {damage}")
    with pytest.raises(CorruptEvent, match="drop_snapshot"):
        store.load_snapshot("account-1")
    store.drop_snapshot("account-1")
    assert store.load_snapshot("account-1") is None


# ------------------------------------------------------------------------------------------------------ transactions


def test_own_rows_and_an_append_are_one_transaction(store):
    store.db.execute("CREATE TABLE letters (text text PRIMARY KEY)")
    fired = []
    store.appended.next().then(lambda _: fired.append(store.position))
    with pytest.raises(ZeroDivisionError), store.db.transaction():
        store.append("a", paid())
        store.db.execute("INSERT INTO letters VALUES ('welcome')")
        raise ZeroDivisionError
    assert store.position == 0 and store.db.rows("SELECT * FROM letters") == [] and fired == []
    with store.db.transaction():
        store.append("a", paid())
        store.db.execute("INSERT INTO letters VALUES ('welcome')")
        assert fired == [], "silent until it is on disk"
    assert store.position == 1 and store.db.rows("SELECT * FROM letters") == [("welcome",)] and fired == [1]


def test_an_error_that_is_caught_inside_of_a_transaction_ends_it(store):
    """To PostgreSQL the COMMIT of such a transaction is no error: it rolls back, and answers as if all were well."""
    store.append("a", paid())
    with pytest.raises(InvalidUse, match="failed"), store.db.transaction():
        store.append("a", paid())
        with contextlib.suppress(DatabaseError):
            store.db.execute("SELECT 1 / 0")
    with pytest.raises(DatabaseError, match="over"), store.db.transaction():
        with contextlib.suppress(DatabaseError):
            store.db.execute("SELECT nothing FROM nowhere")
        store.append("a", paid())
    with pytest.raises(InvalidUse, match="failed"), store.db.transaction():
        store.append("b", paid())
        with contextlib.suppress(WrongExpectedVersion):
            store.append("a", paid(), 7)
    assert store.position == 1 and store.append("a", paid())[0].position == 2
    with pytest.raises(ConstraintFailed):
        store.db.execute("INSERT INTO heads VALUES ('a', 1)")


def test_an_append_does_not_wait_for_ever_for_a_transaction_that_is_open(store, monkeypatch):
    store.append("a", paid())
    monkeypatch.setattr(database, "PATIENCE", 0.1)
    with again(store) as other:
        with store.db.transaction():
            store.append("a", paid())
            assert other.version("a") == 1, "readers do not wait"
            with pytest.raises(DatabaseBusy) as caught:
                other.append("b", paid())
            assert caught.value.retriable
        assert other.append("b", paid())[0].position == 3


# ------------------------------------------------------------------------------------------------------ durability


def test_a_connection_that_does_not_wait_for_the_disk_is_refused(postgres, schema):
    with pytest.raises(InvalidUse, match="synchronous_commit = off") as caught:
        PostgresEventStore(f"{postgres}?options=-c%20synchronous_commit%3Doff", schema)
    assert caught.value.next_step


def test_a_server_without_fsync_is_refused_and_one_with_another_encoding(own):
    with psycopg.connect(own.dsn, autocommit=True) as link:
        link.execute("CREATE DATABASE bytes ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(InvalidUse, match="SQL_ASCII"):
        PostgresEventStore(psycopg.conninfo.make_conninfo(own.dsn, dbname="bytes"))
    own.stop()
    own.settings["fsync"] = "off"
    own.start()
    try:
        with pytest.raises(InvalidUse, match="fsync = off"):
            PostgresEventStore(own.dsn)
    finally:
        own.stop()
        own.settings["fsync"] = "on"
        own.start()


def test_a_server_that_is_killed_loses_nothing_that_was_acked(own, amount, measured):
    acked, unknown, lives = [], [], iter(range(1000))
    for _ in range(amount(2, 20)):
        children = [start(append_until_unreachable, own.dsn, "killed", next(lives)) for _ in range(2)]
        for _, pipe in children:
            acked += [pipe.recv() for _ in range(10)]
        own.kill()
        for child in children:
            *more, last = told(*child)
            acked += more
            unknown.append(last)
        own.start()
    assert {word for word, _ in acked} == {"acked"} and {word for word, _ in unknown} == {"unknown"}
    with PostgresEventStore(own.dsn, "killed") as store:
        there = [one.event.id for one in store.read_all()]
        assert len(there) == len(set(there)) and set(there) >= {id for _, ids in acked for id in ids}
        kept = [ids for _, ids in unknown if set(ids) <= set(there)]
        for _, ids in unknown:
            assert ids in kept or not set(ids) & set(there), "all or nothing"
            store.append(f"account-{int(ids[0].split('/')[1]) % 3}", [event(id) for id in ids])
        assert {one.event.id for one in store.read_all()} == {id for _, ids in acked + unknown for id in ids}
        assert store.position == len({id for _, ids in acked + unknown for id in ids})
    measured(f"PostgreSQL: of {len(unknown)} appends that a kill cut off, {len(kept)} had been committed")


def test_nothing_runs_when_a_server_has_been_stopped_and_its_database_is_there_again(tmp_path, own, monkeypatch):
    """The same folder: so this stops the server of the other tests, and starts it again."""
    pids = [own.server.pid, *own.children()]
    assert len(pids) > 3 and answers(own.port)
    with PostgresEventStore(own.dsn, "stopped") as store:
        store.append("a", paid())
        own.stop()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert not answers(own.port) and own.children() == []
    own.start()
    with PostgresEventStore(own.dsn, "stopped") as store:
        assert store.version("a") == 1
        hosts = store.db.value("SELECT current_setting('listen_addresses')")
        assert hosts == "127.0.0.1" and store.db.value("SELECT current_setting('unix_socket_directories')") == ""


def test_without_postgresql_the_next_step_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(broker, "PLACES", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotInstalled, match="Next step: apt-get install postgresql"), broker.running(tmp_path):
        pass


# ------------------------------------------------------------------------------------------------ a server that is gone


@pytest.mark.parametrize("cut, written", [("before", 0), ("after", 1)])
def test_an_append_whose_answer_is_lost_has_worked_or_not_and_is_repeated(store, cut, written):
    """One error, two outcomes: cut off before the server has the COMMIT, or before the client has its answer."""
    address = psycopg.conninfo.conninfo_to_dict(store.db._dsn)
    with Wire(int(address["port"])) as wire:
        there = psycopg.conninfo.make_conninfo(store.db._dsn, host="127.0.0.1", port=wire.port)
        with PostgresEventStore(there, store.db.schema) as far:
            events, fired = paid(), []
            far.appended.next().then(lambda _: fired.append("appended"))
            wire.cut = cut
            with pytest.raises(EngineUnreachable) as caught:
                far.append("a", events, NO_STREAM)
            assert caught.value.retriable and str(wire.port) in caught.value.address and fired == []
            wire.cut = None
            assert store.version("a") == written
            recorded = far.append("a", events, NO_STREAM)
            assert [one.event for one in recorded] == [one.event for one in store.read_all()] == events


def test_a_connection_that_the_server_ends_is_made_anew_by_the_next_call(store):
    store.append("a", paid())
    with again(store) as other:
        def end_the_other():
            store.db.execute("SELECT pg_terminate_backend(%s)", (other.db._link.info.backend_pid,))

        end_the_other()
        with pytest.raises(EngineUnreachable):
            other.append("a", paid())
        assert other.append("a", paid())[0].version == 2
        with pytest.raises(EngineUnreachable), other.db.transaction():
            other.append("a", paid())
            end_the_other()
            other.append("a", paid())
        assert other.version("a") == 2 and store.position == 2
        assert other.wait(1, timeout=0)
        end_the_other()
        with pytest.raises(EngineUnreachable):
            other.wait(2, timeout=30)
        assert not other.wait(2, timeout=0)


def test_an_append_that_waits_for_others_when_its_connection_ends_has_written_nothing(store):
    with again(store) as other:
        events, errors = paid(), []

        def append():
            try:
                other.append("b", events)
            except EvlabError as error:
                errors.append(error)

        with store.db.transaction():
            store.append("a", paid())
            waiting = threading.Thread(target=append)
            waiting.start()
            pid, blocked = other.db._link.info.backend_pid, False
            while not blocked:
                blocked = store.db.value("SELECT cardinality(pg_blocking_pids(%s)) > 0", (pid,))
            store.db.execute("SELECT pg_terminate_backend(%s)", (pid,))
            waiting.join()
        assert [type(error) for error in errors] == [EngineUnreachable]
        assert other.append("b", events)[0].position == 2


def test_without_psycopg_the_next_step_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    for name in ("postgres", "postgres_reading", "postgres_database"):
        monkeypatch.delitem(sys.modules, f"evlab.engines.{name}")
    with pytest.raises(EvlabError, match=r"pip install \"evlab\[postgres\]\""):
        importlib.import_module("evlab.engines.postgres")


def test_nobody_at_the_address_is_unreachable_and_a_password_is_not_shown(postgres):
    port = free_port()
    with pytest.raises(EngineUnreachable) as caught:
        PostgresEventStore(f"postgresql://ann:secret@127.0.0.1:{port}/shop")
    assert caught.value.address == f"127.0.0.1:{port}/shop" and "secret" not in str(caught.value)
    with pytest.raises(DatabaseError, match="nowhere"):
        PostgresEventStore(psycopg.conninfo.make_conninfo(postgres, dbname="nowhere"))
    for address in ("no address", None, 7):
        with pytest.raises(InvalidUse):
            PostgresEventStore(address)


# --------------------------------------------------------------------------------------------------------- who waits


def test_a_reader_sleeps_until_another_process_appends(store, monkeypatch):
    with again(store) as reader:
        looks, position = [], PostgresEventStore.position.fget
        monkeypatch.setattr(PostgresEventStore, "position", property(lambda self: looks.append(1) or position(self)))
        assert not reader.wait(0, timeout=0.01)
        looks.clear()
        asleep, wait_for_input = threading.Event(), reader.db.wait_for_input
        monkeypatch.setattr(reader.db, "wait_for_input", lambda left: (asleep.set(), wait_for_input(left)))
        found = []
        waiting = threading.Thread(target=lambda: found.append(reader.wait(0, timeout=60)))
        waiting.start()
        assert asleep.wait(30)
        store.append("a", paid(2))
        waiting.join()
        assert found == [True] and len(looks) == 2, "one look before the sleep, one after"
        assert reader.wait(1, timeout=0) and not reader.wait(2, timeout=0)


@pytest.mark.parametrize("noticed", [False, True])
def test_what_is_appended_between_the_look_and_the_sleep_wakes_the_reader(store, monkeypatch, noticed):
    with again(store) as reader:
        slept, sleep, position = [], reader.db.wait_for_input, PostgresEventStore.position.fget

        def look(self):
            found = position(self)
            if not found:
                store.append("a", paid())
                if noticed:
                    reader.db.value("SELECT 1")  # its answer brings the news with it
            return found

        monkeypatch.setattr(PostgresEventStore, "position", property(look))
        monkeypatch.setattr(reader.db, "wait_for_input", lambda left: slept.append(sleep(left)))
        assert reader.wait(0, timeout=10) and all(slept), "it never slept until the time was over"


def test_no_append_is_slept_through(store, monkeypatch, amount):
    """Two handles append in turn, each when it has heard of the other."""
    turns, slept, sleep = amount(40, 2000), [], database.PostgresDatabase.wait_for_input
    monkeypatch.setattr(database.PostgresDatabase, "wait_for_input", lambda db, left: slept.append(sleep(db, left)))
    with again(store) as other:

        def answer():
            for turn in range(turns):
                other.wait(2 * turn, timeout=30)
                other.append("b", paid())

        answering = threading.Thread(target=answer)
        answering.start()
        for turn in range(turns):
            store.append("a", paid())
            store.wait(2 * turn + 1, timeout=30)
        answering.join()
    assert [one.stream for one in store.read_all()] == ["a", "b"] * turns and slept and all(slept)


def test_a_process_hears_of_what_others_append(store):
    env, seen = Real(), []
    with again(store, env=env) as reader:
        def follow():
            subscription = reader.subscribe()
            while len(seen) < 4:
                seen.extend(one.position for one in subscription)
                if len(seen) < 4:
                    yield reader.appended

        def others():
            for _ in range(2):
                yield 0.01
                store.append("a", paid(2))

        env.spawn(reader.listening(every=0.002))
        env.spawn(others())
        run(follow(), env)
    assert seen == [1, 2, 3, 4]
    for every in (0, -1, None):
        with pytest.raises(InvalidUse):
            next(store.listening(every))


def test_news_of_others_is_told_from_ones_own(store, make):
    with again(store) as other, make() as elsewhere:
        store.db.listen()
        elsewhere.append("a", paid())
        store.append("a", paid())
        assert store.position == 1 and not store.db.heard()
        other.append("a", events := paid())
        assert store.db.wait_for_input(30) and store.db.heard() and not store.db.heard()
        other.append("a", events)
        assert store.position == 2 and not store.db.heard(), "nothing was added"


# --------------------------------------------------------------------------------------- what differs from the twin


@pytest.mark.parametrize("word, use", [
    ("any character", lambda store: store.append("a\0b", paid())),
    ("any character", lambda store: store.read("a\0b")),
    ("any character", lambda store: store.version("a\0b")),
    ("any character", lambda store: store.save_snapshot("a\0b", 1, 1)),
    ("any character", lambda store: store.append_all([("a", paid(), ANY), ("b", paid(1, id="\0"), ANY)])),
    ("long ids", lambda store: store.append("a", paid(1, id="ü" * 751)))])
def test_what_the_engine_cannot_do_is_refused_before_anything_is_written(store, word, use):
    with pytest.raises(NotOnThisEngine) as caught:
        use(store)
    assert caught.value.capability == word not in store.capabilities and caught.value.next_step
    assert store.position == 0


def test_the_longest_id_of_the_longest_stream_fits(store):
    ids = [os.urandom(750).hex(), "\U0001f600" * 375]
    store.append("\U0001f600" * 255, [event(id) for id in ids])
    assert [one.event.id for one in store.read_all()] == ids


def test_a_server_does_not_live_in_a_world(postgres, schema):
    with pytest.raises(NotOnThisEngine) as caught:
        PostgresEventStore(postgres, schema, env=World())
    assert caught.value.capability == "simulated"


def test_recorded_at_is_by_the_servers_clock(store):
    before = store.db.value("SELECT clock_timestamp()")
    recorded, = store.append("a", Event(type="MoneyPaidIn", time=datetime(2020, 1, 1, tzinfo=UTC)))
    assert before <= recorded.recorded_at <= store.db.value("SELECT clock_timestamp()")
    assert recorded.recorded_at.utcoffset() == timedelta(0)


def test_events_are_upcast_when_they_are_read_and_the_table_keeps_the_old_form(make):
    class Upcasters:
        def upcast(self, event):
            return Event(type=event.type, data={**event.data, "currency": "EUR"}, version=2, id=event.id,
                         time=event.time)

    with make(upcasters=Upcasters()) as store, again(store) as old:
        event, = paid()
        store.append("a", event)
        for recorded in (next(store.read("a")), next(store.read_all()), *store.append("a", event)):
            assert (recorded.event.data, recorded.event.version) == ({"amount": 0, "currency": "EUR"}, 2)
        assert next(old.read_all()).event == event


def test_a_store_says_what_it_is(store):
    store.append("a", paid(2))
    assert repr(store).endswith(f"schema={store.db.schema!r}, 2 events)") and "@" not in repr(store)


# ---------------------------------------------------------------------------------------- the rest of evlab, on it


def test_projections_and_deciders_run_on_it_as_on_the_twin(store):
    """The read model is in SQLite: a Projector takes a `Database` for it, and its views speak SQLite's SQL."""
    balances = Projection("balances", "CREATE TABLE {balances} (account TEXT PRIMARY KEY, balance INTEGER)")

    @balances.on("MoneyPaidIn")
    def paid_in(view, recorded):
        view.execute("INSERT INTO {balances} VALUES (?, ?) ON CONFLICT (account) DO UPDATE SET"
                     " balance = balance + excluded.balance", (recorded.stream, recorded.event.data["amount"]))

    decider = Decider(0, lambda amount, total: Event(type="MoneyPaidIn", data={"amount": amount}, source="bank"),
                      lambda total, event: total + event.data["amount"])
    found = []
    with EventStore() as twin, Database() as kept:
        for one in (store, twin):
            for account, amount in (("account-1", 5), ("account-1", 7), ("account-2", 1)):
                CommandHandler(one, decider, account).handle(amount)
            projector = Projector(one, [balances], Database() if one is twin else kept)
            assert projector.catch_up() == 3 and projector.lag()[0].events == 0
            found.append(projector.view("balances").rows("SELECT * FROM {balances} ORDER BY account"))
    assert found[0] == found[1] == [("account-1", 12), ("account-2", 1)]
