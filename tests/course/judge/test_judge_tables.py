"""A database that a check lends to an answer: what it does, what it refuses, and what a crash leaves of it."""

from __future__ import annotations

import pathlib
import sqlite3

import pytest

from evlab.course.judge import Check
from evlab.course.judge.actor import WrongCall
from evlab.course.judge.question import Case
from evlab.course.judge.tables import MOST_ROWS, Tables
from evlab.env import Dead
from evlab.sim import World

SCRIPT = "CREATE TABLE t (a INTEGER, b TEXT); INSERT INTO t VALUES (1, 'one');"


@pytest.fixture
def tables():
    return Tables(Case(World(1), Check("a promise", None, 1, None), 0.0, None), SCRIPT)


def test_rows_come_back_as_lists(tables):
    assert tables.execute("SELECT a, b FROM t") == [[1, "one"]]
    assert tables.execute("INSERT INTO t VALUES (?, ?)", [2, "two"]) == []
    assert tables.execute("SELECT count(*) FROM t WHERE a = :a", {"a": 2}) == [[1]]


def test_a_transaction_is_all_or_nothing(tables):
    tables.begin()
    tables.execute("DELETE FROM t")
    tables.rollback()
    assert tables.rows("SELECT a FROM t") == [(1,)]
    tables.begin()
    tables.execute("DELETE FROM t")
    tables.commit()
    assert tables.rows("SELECT a FROM t") == []


@pytest.mark.parametrize("sql", [
    "ATTACH DATABASE '/tmp/evlab-was-here.db' AS other", "DETACH DATABASE main", "PRAGMA journal_mode = OFF",
    "PRAGMA max_page_count = 1000000", "SELECT load_extension('x')", "VACUUM INTO '/tmp/evlab-was-here.db'",
    "CREATE TEMP TABLE x (a)", "SELECT writefile('/tmp/evlab-was-here.db', 'x')",
    "SELECT * FROM pragma_database_list"])
def test_nothing_beyond_the_tables_is_reached(tables, sql):
    """GRADE-1. SQL runs in the judge's process: files, settings and extensions are refused."""
    with pytest.raises(sqlite3.Error):
        tables.execute(sql)
    assert not pathlib.Path("/tmp/evlab-was-here.db").exists()
    assert tables.execute("SELECT a FROM t") == [[1]], "and the tables go on"


@pytest.mark.parametrize("sql", [
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    "SELECT zeroblob(100000000)", "SELECT randomblob(60000)",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) INSERT INTO t SELECT i, zeroblob(40000) FROM n"])
def test_what_would_not_end_or_not_fit_is_stopped(tables, sql):
    """GRADE-1. No statement keeps the judge busy, or fills its memory."""
    with pytest.raises(sqlite3.Error):
        tables.execute(sql)


def test_the_tables_have_a_size(tables):
    """GRADE-1. Statement by statement, too, the memory of the judge cannot be filled."""
    with pytest.raises(sqlite3.Error, match="full"):
        for _ in range(1000):
            tables.execute("INSERT INTO t VALUES (1, zeroblob(49000))")
    assert tables.rows("SELECT count(*) FROM t")[0][0] < 1000


def test_a_result_has_a_size(tables):
    fill = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i <= {MOST_ROWS}) SELECT i FROM n"
    with pytest.raises(WrongCall, match="rows"):
        tables.execute(fill)


@pytest.mark.parametrize("given", [(1,), ("SELECT 1", 7), ("SELECT 1", "text")])
def test_a_wrong_call_is_told_as_one(tables, given):
    with pytest.raises(WrongCall):
        tables.execute(*given)


def test_a_crash_takes_what_was_open_and_leaves_what_was_committed():
    world = World(1)
    tables = Tables(Case(world, Check("a promise", None, 1, None), 0.0, None), SCRIPT, crash_at=4)

    def work():
        tables.execute("INSERT INTO t VALUES (2, 'kept')")
        tables.begin()
        tables.execute("INSERT INTO t VALUES (3, 'open')")
        with pytest.raises(Dead):
            tables.commit()
        yield 0

    world.spawn(work(), "projector")
    world.run()
    assert tables.crashed and tables.rows("SELECT a FROM t ORDER BY a") == [(1,), (2,)]


def test_a_reader_looks_on_whenever_nothing_is_open(tables):
    seen = []
    tables.watch = lambda: seen.append(tables.rows("SELECT count(*) FROM t")[0][0])
    tables.begin()
    tables.execute("INSERT INTO t VALUES (2, 'two')")
    tables.execute("INSERT INTO t VALUES (3, 'three')")
    tables.commit()
    tables.execute("DELETE FROM t")
    assert seen == [3, 0]


def test_a_check_writes_uncounted_and_sees_what_is_open(tables):
    tables.write("INSERT INTO t VALUES (9, 'an old bug')")
    assert tables.rows("SELECT a FROM t") == [(1,), (9,)]
    assert tables.calls == 0 and not len(tables.case.history) and not tables.in_transaction
    tables.begin()
    assert tables.in_transaction
    tables.rollback()
    assert not tables.in_transaction and tables.calls == 2
