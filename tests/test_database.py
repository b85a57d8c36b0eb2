"""`Database`: all or nothing, errors that teach, and the same in a World."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys

import pytest

from evlab import database
from evlab.database import (
    ConstraintFailed,
    CorruptDatabase,
    Database,
    DatabaseBusy,
    DatabaseError,
    DiskFull,
    NotADatabase,
    connect,
)
from evlab.env import Dead, Real
from evlab.errors import EvlabError, InvalidUse
from evlab.sim import Fault, Plan, World

TABLE = "CREATE TABLE numbers (n INTEGER PRIMARY KEY, name TEXT NOT NULL)"


@pytest.fixture(params=["in memory", "in a file", "in a World"])
def db(request, tmp_path):
    """A database with one empty table, on each ground."""
    where = {"in memory": (), "in a file": (tmp_path / "numbers.db",), "in a World": ("numbers.db", World(), "shop")}
    with Database(*where[request.param]) as db:
        db.execute(TABLE)
        yield db


def add(db, *numbers):
    db.executemany("INSERT INTO numbers VALUES (?, 'x')", [(n,) for n in numbers])


def numbers(db):
    return [n for n, in db.rows("SELECT n FROM numbers ORDER BY n")]


# -------------------------------------------------------------------------------------------------- statements


def test_rows_and_values(db):
    db.execute("INSERT INTO numbers VALUES (?, ?), (?, ?)", (1, "one", 2, "two"))
    assert db.rows("SELECT * FROM numbers WHERE n > ?", (0,)) == [(1, "one"), (2, "two")]
    assert db.rows("SELECT * FROM numbers WHERE n > 7") == []
    assert db.value("SELECT name FROM numbers WHERE n = ?", (2,)) == "two"
    assert db.value("SELECT name FROM numbers WHERE n = 3") is None


def test_a_statement_outside_of_a_transaction_commits_at_once(tmp_path):
    with Database(tmp_path / "numbers.db") as db, Database(tmp_path / "numbers.db") as other:
        db.execute(TABLE)
        add(db, 1)
        assert numbers(other) == [1]


def test_a_database_in_memory_is_new_each_time():
    with Database() as first, Database() as second:
        first.execute(TABLE)
        assert second.value("SELECT count(*) FROM sqlite_master") == 0


# ------------------------------------------------------------------------------------------------ transactions


def test_a_transaction_is_kept_at_its_end(db):
    with db.transaction() as same:
        assert same is db and db.in_transaction
        add(db, 1, 2)
        assert numbers(db) == [1, 2], "it sees its own rows"
    assert numbers(db) == [1, 2] and not db.in_transaction and db.commits == 1


@pytest.mark.parametrize("error", [ValueError, InvalidUse, KeyboardInterrupt, GeneratorExit])
def test_a_transaction_that_ends_with_an_error_leaves_nothing(db, error):
    add(db, 1)
    with pytest.raises(error), db.transaction():
        add(db, 2)
        db.execute("DELETE FROM numbers WHERE n = 1")
        db.execute("CREATE TABLE more (n)")
        raise error("no")
    assert numbers(db) == [1] and not db.in_transaction and db.commits == 0
    assert db.value("SELECT count(*) FROM sqlite_master WHERE name = 'more'") == 0
    with db.transaction():
        add(db, 3)
    assert numbers(db) == [1, 3]


def test_nobody_else_sees_a_transaction_before_its_end(tmp_path):
    with Database(tmp_path / "numbers.db") as db, Database(tmp_path / "numbers.db") as other:
        db.execute(TABLE)
        with db.transaction():
            add(db, 1)
            assert numbers(other) == []
        assert numbers(other) == [1]


def test_a_transaction_inside_of_another_is_part_of_it(db):
    with db.transaction():
        add(db, 1)
        with db.transaction(), db.transaction():
            add(db, 2)
        assert db.in_transaction
        add(db, 3)
    assert numbers(db) == [1, 2, 3] and db.commits == 1
    with pytest.raises(ValueError, match="late"), db.transaction():
        with db.transaction():
            add(db, 4)
        raise ValueError("late")
    assert numbers(db) == [1, 2, 3]


def test_an_error_in_an_inner_transaction_ends_the_outer_one_even_if_it_is_caught(db):
    with pytest.raises(InvalidUse, match="a part of this transaction has failed") as caught, db.transaction():
        add(db, 1)
        try:
            with db.transaction():
                add(db, 2)
                raise ValueError("inner")
        except ValueError:
            pass
        add(db, 3)
    assert caught.value.why and caught.value.next_step
    assert numbers(db) == [] and not db.in_transaction
    with db.transaction():
        add(db, 4)
    assert numbers(db) == [4], "the next one is not doomed"


def test_a_statement_that_fails_changes_nothing_and_the_transaction_goes_on(db):
    with db.transaction():
        add(db, 1)
        with pytest.raises(ConstraintFailed):
            db.execute("INSERT INTO numbers VALUES (2, 'two'), (1, 'again')")
        add(db, 3)
    assert numbers(db) == [1, 3]


# ------------------------------------------------------------------------------------------------------ errors


REFUSED = [
    ("INSERT INTO numbers VALUES (1, 'again')", ConstraintFailed),
    ("INSERT INTO numbers VALUES (2, NULL)", ConstraintFailed),
    ("INSERT INTO children VALUES (77)", ConstraintFailed),
    ("INSERT INTO nowhere VALUES (1)", DatabaseError),
    ("INSER", DatabaseError),
]


@pytest.mark.parametrize("use, kind", [
    *((lambda db, sql=sql: db.execute(sql), kind) for sql, kind in REFUSED),
    *((lambda db, sql=sql: db.rows(sql), kind) for sql, kind in REFUSED),
    *((lambda db, sql=sql: db.value(sql), kind) for sql, kind in REFUSED),
    *((lambda db, sql=sql: db.executemany(sql, [()]), kind) for sql, kind in REFUSED),
    (lambda db: db.execute("SELECT ?"), DatabaseError),
    (lambda db: db.execute("SELECT ?", [object()]), DatabaseError),
    (lambda db: db.execute("SELECT 1; SELECT 2"), DatabaseError),
    (lambda db: db.executemany("INSERT INTO numbers VALUES (?, ?)", [(2, "two", "too many")]), DatabaseError),
    (lambda db: db.executemany("INSERT INTO numbers VALUES (?, 'x')", [(1,)]), ConstraintFailed),
    (lambda db: db.rows("SELECT cast(x'ff' AS TEXT)"), DatabaseError),
    (lambda db: db.value("SELECT cast(x'ff' AS TEXT)"), DatabaseError),
    (lambda db: db.rows("SELECT n, abs(-9223372036854775807 - n) FROM numbers"), DatabaseError),
])
def test_what_sqlite_refuses_is_an_error_of_evlabs(db, use, kind):
    db.execute("CREATE TABLE children (parent INTEGER REFERENCES numbers (n))")
    add(db, 1)
    with pytest.raises(kind) as caught:
        use(db)
    error = caught.value
    assert isinstance(error, EvlabError) and isinstance(error.__cause__, sqlite3.Error)
    assert error.what and error.why and error.next_step and error.path == db.path
    assert not error.retriable and numbers(db) == [1]


def test_a_file_that_another_process_writes_to_is_busy(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    path = tmp_path / "numbers.db"
    with Database(path) as db:
        db.execute(TABLE)
    code = ("import sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
            "c.execute('BEGIN IMMEDIATE'); c.execute('INSERT INTO numbers VALUES (7, 0)'); print('begun', flush=True)\n"
            "sys.stdin.read(); c.execute('COMMIT')")
    with subprocess.Popen([sys.executable, "-c", code, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline().strip() == b"begun"
        with Database(path) as db:
            for write in (lambda: add(db, 1), lambda: db.execute("DELETE FROM numbers"), lambda: enter(db)):
                with pytest.raises(DatabaseBusy, match="numbers.db is in use") as caught:
                    write()
                assert caught.value.retriable and "0.05 s" in caught.value.why
                assert not db.in_transaction
            assert numbers(db) == [], "reading goes on"
            other.communicate()
            add(db, 1)
            with db.transaction():
                add(db, 2)
            assert numbers(db) == [1, 2, 7]


def enter(db):
    with db.transaction():
        raise AssertionError("the lock comes first")


@pytest.mark.parametrize("opened", [connect, sqlite3.connect], ids=["as a database", "as a bare file"])
def test_a_new_file_that_another_is_making_is_waited_for(tmp_path, monkeypatch, opened):
    """SQLite's own waiting leaves out the change to write-ahead mode, which the first to open a file makes."""
    path, waits = tmp_path / "numbers.db", []
    with contextlib.closing(opened(path)) as other:
        other.isolation_level = None
        other.execute("BEGIN IMMEDIATE")
        other.execute("CREATE TABLE others (n)")
        monkeypatch.setattr(database.time, "sleep", lambda seconds: waits.append(seconds) or other.execute("COMMIT"))
        with Database(path) as db:
            assert db.value("PRAGMA journal_mode") == "wal"
            assert db.rows("SELECT name FROM sqlite_master") == ([] if opened is connect else [("others",)])
    assert len(waits) == (opened is not connect)


def test_a_new_file_that_another_keeps_for_itself_is_busy(tmp_path, monkeypatch):
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    path = tmp_path / "numbers.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("CREATE TABLE others (n)")
        with pytest.raises(DatabaseBusy, match="numbers.db is in use") as caught:
            Database(path)
        assert caught.value.retriable and "0.05 s" in caught.value.why
        other.execute("COMMIT")
    with Database(path) as db:
        assert db.rows("SELECT name FROM sqlite_master") == [("others",)]


def test_a_write_waits_for_anothers_transaction(tmp_path):
    """Two processes count up, each reading and writing in one transaction: no count is lost."""
    path = tmp_path / "numbers.db"
    with Database(path) as db:
        db.execute("CREATE TABLE counter (n)")
        db.execute("INSERT INTO counter VALUES (0)")
        code = ("import sys; from evlab.database import Database; db = Database(sys.argv[1])\n"
                "for _ in range(100):\n"
                "    with db.transaction():\n"
                "        db.execute('UPDATE counter SET n = ?', (db.value('SELECT n FROM counter') + 1,))\n")
        both = [subprocess.Popen([sys.executable, "-c", code, path]) for _ in range(2)]
        assert [one.wait() for one in both] == [0, 0]
        assert db.value("SELECT n FROM counter") == 200


def test_what_is_no_database_is_named_and_left_as_it_is(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"\xff\xd8" * 4000)
    with pytest.raises(NotADatabase, match=r"photo\.jpg") as caught:
        Database(path)
    assert caught.value.path == str(path) and str(tmp_path) not in str(caught.value)
    assert path.read_bytes() == b"\xff\xd8" * 4000 and os.listdir(tmp_path) == ["photo.jpg"]


def test_a_damaged_database_is_named(tmp_path):
    path = tmp_path / "numbers.db"
    with Database(path) as db:
        db.execute(TABLE)
        with db.transaction():
            add(db, *range(2000))
    content = path.read_bytes()
    path.write_bytes(content[:4096] + bytes(4096) + content[8192:])
    with Database(path) as db, pytest.raises(CorruptDatabase, match=r"numbers\.db is damaged") as caught:
        numbers(db)
    assert not caught.value.retriable and "backup" in caught.value.next_step


def test_a_full_disk_keeps_nothing_of_the_transaction(db):
    add(db, 1)
    db.execute(f"PRAGMA max_page_count = {db.value('PRAGMA page_count')}")
    with pytest.raises(DiskFull) as caught, db.transaction():
        add(db, *range(2, 5000))
    assert caught.value.retriable and numbers(db) == [1] and not db.in_transaction
    db.execute("PRAGMA max_page_count = 1000000")
    with db.transaction():
        add(db, *range(2, 5000))
    assert len(numbers(db)) == 4999


@pytest.mark.parametrize("path", ["", b"", "a\0b", 5, None, "\ud800"])
def test_a_path_that_names_no_file_is_refused(path):
    with pytest.raises(InvalidUse, match="names no file"):
        Database(path)


RAISE = "UPDATE numbers SET name = ? WHERE n = ? AND name = ?"
INSERT = "INSERT INTO numbers VALUES (?, ?)"


def test_statements_are_written_all_in_one_commit(db):
    before = db.commits
    assert db.write([(INSERT, (1, "one")), (INSERT, (2, "two")), (RAISE, ("uno", 1, "one"))])
    assert db.rows("SELECT n, name FROM numbers ORDER BY n") == [(1, "uno"), (2, "two")]
    assert db.commits == before + 1 and not db.in_transaction


@pytest.mark.parametrize("last", [(RAISE, ("uno", 1, "another")), (INSERT, (1, "again")), (INSERT, (2, None)),
                                  ("UPDATE numbers SET name = 'x'", ())])
def test_none_is_written_if_one_changes_no_row_or_two_or_breaks_a_rule(db, last):
    add(db, 1, 3)
    before = db.commits
    assert not db.write([(INSERT, (7, "seven")), last])
    assert numbers(db) == [1, 3] and db.commits == before and not db.in_transaction
    add(db, 4)
    assert numbers(db) == [1, 3, 4]


def test_a_statement_that_is_wrong_is_an_error_and_nothing_is_written(db):
    with pytest.raises(DatabaseError, match="no such table"):
        db.write([(INSERT, (1, "one")), ("DELETE FROM nowhere", ())])
    assert numbers(db) == [] and not db.in_transaction


def test_inside_of_a_transaction_such_a_write_is_refused(db):
    with pytest.raises(InvalidUse, match="a transaction is open"), db.transaction():
        db.write([(INSERT, (1, "one"))])
    assert numbers(db) == []


def test_after_a_crash_at_its_point_nothing_of_such_a_write_is_there():
    world = World(0, Plan([Fault("crash", "shop@writing", n=1, seconds=1)]))
    seen = []

    def shop():
        db = Database("numbers.db", world)
        db.execute(TABLE.replace("TABLE", "TABLE IF NOT EXISTS"))
        seen.append(numbers(db))
        db.write([(INSERT, (1, "one")), (INSERT, (2, "two"))])
        seen.append(numbers(db))
        yield 0

    world.boot("shop", lambda: world.spawn(shop(), "shop"))
    world.run()
    assert seen == [[], [], [1, 2]]


def test_half_a_character_is_refused_and_nothing_of_the_transaction_is_kept(db):
    with pytest.raises(DatabaseError, match="surrogates not allowed"), db.transaction():
        add(db, 1)
        db.execute("INSERT INTO numbers VALUES (2, ?)", ("\ud800",))
    assert numbers(db) == []


@pytest.mark.parametrize("env", [5, "world"])
def test_what_is_no_env_is_refused(env):
    with pytest.raises(InvalidUse, match="is no Env"):
        Database(env=env)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DatabaseError, match="cannot be opened for writing") as caught:
        Database(tmp_path / "nowhere" / "numbers.db")
    assert "folder" in caught.value.next_step
    with pytest.raises(DatabaseError, match="cannot be opened for writing"):
        Database(tmp_path)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permissions of this kind on folders")
def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        pytest.skip("root may write to every folder")
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(DatabaseError, match="cannot be opened for writing"):
            Database(tmp_path / "numbers.db")
    finally:
        tmp_path.chmod(0o700)


def test_a_file_that_may_only_be_read_is_named(tmp_path):
    path = tmp_path / "numbers.db"
    with Database(path) as db:
        db.execute(TABLE)

    class ReadOnly(Real):
        def database(self, path, node=""):
            connection, check = super().database(path, node)
            connection.execute("PRAGMA query_only = ON")
            return connection, check

    with Database(path, ReadOnly()) as db:
        with pytest.raises(DatabaseError, match="cannot be opened for writing"):
            add(db, 1)
        assert numbers(db) == []


def test_a_closed_database_says_so(db):
    db.close()
    db.close()
    for use in (lambda: db.execute("SELECT 1"), lambda: db.executemany("SELECT ?", [(1,)]), lambda: db.rows("SELECT 1"),
                lambda: db.value("SELECT 1"), lambda: db.transaction().__enter__()):
        with pytest.raises(DatabaseError, match="is closed") as caught:
            use()
        assert caught.value.path == db.path and not caught.value.retriable


# -------------------------------------------------------------------------------------------------- durability


def test_a_commit_is_durable_by_its_settings(tmp_path):
    with Database(tmp_path / "numbers.db") as db:
        assert db.value("PRAGMA journal_mode") == "wal"
        assert db.value("PRAGMA synchronous") == 2, "FULL"
        assert db.value("PRAGMA foreign_keys") == 1


@pytest.mark.parametrize("level", ["OFF", "NORMAL"])
def test_a_connection_without_durable_commits_is_refused(tmp_path, level):
    class Careless(Real):
        def database(self, path, node=""):
            connection, check = super().database(path, node)
            connection.execute(f"PRAGMA synchronous = {level}")
            return connection, check

    with pytest.raises(InvalidUse, match="does not promise durable commits"):
        Database(tmp_path / "numbers.db", Careless())


# -------------------------------------------------------------------------------------------------- in a World


@pytest.mark.parametrize("kind", ["crash", "kill"])
@pytest.mark.parametrize("point, kept", [("before", [1]), ("inside", [1]), ("inner", [1]), ("after", [1, 2])])
def test_a_crash_rolls_back_what_was_open_and_keeps_what_was_committed(kind, point, kept):
    world, found = World(faults=Plan([Fault(kind, f"shop@{point}", 1, 1)])), []

    def boot():
        db = Database("numbers.db", world)
        if db.value("SELECT count(*) FROM sqlite_master"):
            found.append(numbers(db))
            return
        db.execute(TABLE)
        add(db, 1)
        world.point("before")
        with db.transaction():
            add(db, 2)
            world.point("inside")
            with db.transaction():
                world.point("inner")
        world.point("after")

    world.node("shop", lambda: started(boot))
    world.run()
    assert len(world.struck_by) == 1 and found == [kept]


def started(work):
    """`work` as a process: a crash in a boot function would reach the test."""
    yield 0
    work()


def test_a_transaction_that_a_crash_finds_open_was_never_there():
    world = World()

    def careless():
        db = Database("numbers.db", world)
        db.execute(TABLE)
        with db.transaction():
            add(db, 1)
            yield 10

    world.spawn(careless(), "shop")
    world.after(1, lambda: world.crash("shop"))
    world.run()
    assert numbers(Database("numbers.db", world, "shop")) == []


@pytest.mark.parametrize("use", [
    lambda db: db.execute("INSERT INTO numbers VALUES (2, 'x')"), lambda db: add(db, 2), numbers,
    lambda db: db.value("SELECT 1"), lambda db: db.transaction().__enter__()])
def test_a_handle_of_an_earlier_life_is_dead(use):
    world, handles = World(), []
    world.node("shop", lambda: handles.append(Database("numbers.db", world)))
    handles[0].execute(TABLE)
    add(handles[0], 1)
    world.crash("shop")
    for handle in handles:
        with pytest.raises(Dead):
            use(handle)
    world.restart("shop")
    with pytest.raises(Dead):
        use(handles[0])
    assert numbers(handles[1]) == [1]


def test_a_transaction_of_an_earlier_life_cannot_be_ended():
    world, handles = World(), []
    world.node("shop", lambda: handles.append(Database("numbers.db", world)))
    handles[0].execute(TABLE)
    old = handles[0].transaction()
    old.__enter__()
    add(handles[0], 1)
    world.crash("shop")
    world.restart("shop")
    with handles[1].transaction():
        add(handles[1], 2)
    with pytest.raises(Dead):
        old.__exit__(None, None, None)
    assert numbers(handles[1]) == [2]


@pytest.mark.parametrize("home", ["shop", "archive"])
def test_dead_code_cannot_commit(home):
    """A `finally` that runs at the crash finds its door shut, also to the database of a node that lives."""
    world, seen = World(), []

    def process():
        db = Database("numbers.db", world, home)
        db.execute(TABLE)
        try:
            yield 10
        finally:
            seen.append("finally")
            add(db, 1)
            seen.append("never")

    world.spawn(process(), "shop")
    world.after(1, lambda: world.crash("shop"))
    world.run()
    assert seen == ["finally"] and numbers(Database("numbers.db", world, home)) == []


def test_each_node_has_its_own_databases_and_each_path_is_one():
    world = World()
    shop, again = Database("numbers.db", world, "shop"), Database("numbers.db", world, "shop")
    shop.execute(TABLE)
    add(shop, 1)
    assert numbers(again) == [1]
    for where in (("numbers.db", world, "email"), ("other.db", world, "shop"), ("numbers.db", World(), "shop")):
        with pytest.raises(DatabaseError, match="no such table"):
            numbers(Database(*where))
    shop.close()
    assert numbers(again) == [1] and numbers(Database("numbers.db", world, "shop")) == [1]


def test_closing_one_handle_leaves_what_another_has_open():
    world = World()
    shop, again = Database("numbers.db", world, "shop"), Database("numbers.db", world, "shop")
    shop.execute(TABLE)
    with shop.transaction():
        add(shop, 1)
        again.close()
    assert numbers(shop) == [1]
    with pytest.raises(DatabaseError, match="is closed"), shop.transaction():
        add(shop, 2)
        shop.close()
    assert numbers(Database("numbers.db", world, "shop")) == [1]


def test_the_node_that_asks_is_the_default():
    world = World()

    def process():
        Database("numbers.db", world).execute(TABLE)
        yield 0

    world.spawn(process(), "shop")
    world.run()
    assert numbers(Database("numbers.db", world, "shop")) == []


def test_a_database_in_memory_is_gone_with_the_life_that_made_it():
    world, handles, tables = World(), [], []

    def boot():
        handles.append(Database(env=world))
        tables.append(handles[-1].value("SELECT count(*) FROM sqlite_master"))
        handles[-1].execute(TABLE)

    world.node("shop", boot)
    world.crash("shop")
    world.restart("shop")
    assert tables == [0, 0] and numbers(handles[1]) == []
    with pytest.raises(Dead):
        numbers(handles[0])


def test_the_disk_of_a_machine_that_is_down_can_be_read():
    world = World()
    world.node("shop", lambda: Database("numbers.db", world).execute(TABLE) and None)
    world.crash("shop")
    assert numbers(Database("numbers.db", world, "shop")) == []


def test_a_world_writes_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    world = World()
    Database("numbers.db", world, "shop").execute(TABLE)
    Database(tmp_path / "other.db", world, "shop").execute(TABLE)
    assert os.listdir(tmp_path) == []


def test_a_transaction_that_sqlite_has_rolled_back_does_not_go_on():
    """INSERT OR ROLLBACK ends the transaction; what is executed after it would be committed on its own."""
    with Database() as db:
        db.execute("CREATE TABLE t (n UNIQUE, p)")
        with pytest.raises(DatabaseError), db.transaction():
            for p in range(4):
                with contextlib.suppress(DatabaseError):
                    db.execute("INSERT OR ROLLBACK INTO t VALUES (?, ?)", (p // 2, p))
        assert db.rows("SELECT * FROM t") == [] and not db.in_transaction
        with db.transaction():
            db.execute("INSERT INTO t VALUES (1, 1)")
        assert db.rows("SELECT * FROM t") == [(1, 1)]


def test_a_call_after_the_commit_is_made_once_it_is_on_disk_and_never_after_a_rollback():
    db, called = Database(), []
    db.execute("CREATE TABLE t (n INTEGER)")
    db.after_commit(lambda: called.append("outside"))
    assert called == ["outside"], "nothing is open: at once"
    with db.transaction():
        with db.transaction():
            db.execute("INSERT INTO t VALUES (1)")
            db.after_commit(lambda: called.append(db.in_transaction))
        assert called == ["outside"], "the inner one is no commit"
    assert called == ["outside", False]
    with pytest.raises(ValueError, match="no"), db.transaction():
        db.after_commit(lambda: called.append("rolled back"))
        raise ValueError("no")
    with db.transaction():
        db.execute("INSERT INTO t VALUES (2)")
    assert called == ["outside", False]


def test_an_interrupt_while_it_waits_for_the_lock_leaves_no_transaction_open(tmp_path, monkeypatch):
    """SQLite goes on waiting, gets the lock, and only then does Python raise KeyboardInterrupt."""

    class Interrupted:
        def __init__(self, connection):
            self.connection = connection

        def execute(self, sql, *parameters):
            self.connection.execute(sql, *parameters)
            raise KeyboardInterrupt

        def __getattr__(self, name):
            return getattr(self.connection, name)

    with Database(tmp_path / "a.db") as db, Database(tmp_path / "a.db") as other:
        db.execute("CREATE TABLE t (x)")
        with monkeypatch.context() as patch:
            patch.setattr(db, "_connection", Interrupted(db._connection))
            with pytest.raises(KeyboardInterrupt), db.transaction():
                pass
        for one in (other, db):
            with one.transaction():
                one.execute("INSERT INTO t VALUES (1)")
        assert other.value("SELECT count(*) FROM t") == 2 and not db.in_transaction


def test_a_transaction_of_which_a_part_has_failed_takes_no_other_part():
    db = Database()
    db.execute("CREATE TABLE t (x)")
    with pytest.raises(InvalidUse, match="a part of this transaction has failed"), db.transaction():
        with pytest.raises(ValueError), db.transaction():
            raise ValueError
        with db.transaction():
            raise AssertionError("it began")
    assert not db.in_transaction
    with db.transaction():
        db.execute("INSERT INTO t VALUES (1)")
    assert db.value("SELECT count(*) FROM t") == 1
