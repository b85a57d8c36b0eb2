"""Change data capture: the log of changes against what was done, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evlab import Database, Event, Fault, Plan, World, sweep
from evlab.cdc import ChangeCapture, Trimmed
from evlab.errors import InvalidUse
from evlab.outbox import Outbox
from evlab.sim import Anomaly

TABLE = "CREATE TABLE orders (number INTEGER PRIMARY KEY, state TEXT, note)"


def captured(*tables, table=TABLE):
    db = Database()
    db.execute(table)
    return db, ChangeCapture(db, tables or "orders")


def test_each_insert_update_and_delete_is_a_change_with_the_row_before_and_after():
    db, log = captured()
    db.execute("INSERT INTO orders VALUES (1, 'placed', NULL)")
    db.execute("UPDATE orders SET state = 'paid'")
    db.execute("DELETE FROM orders")
    placed, paid = ({"number": 1, "state": state, "note": None} for state in ("placed", "paid"))
    assert log.read() == [(1, "orders", "insert", None, placed), (2, "orders", "update", placed, paid),
                          (3, "orders", "delete", paid, None)]
    assert [str(change) for change in log.read()[1:]] == [f"2 update orders: {placed} → {paid}",
                                                          f"3 delete orders: {paid}"]
    assert len(log) == 3 and repr(log) == "ChangeCapture(orders: 3 changes)"


def test_a_statement_that_changes_many_rows_is_many_changes():
    db, log = captured()
    db.executemany("INSERT INTO orders VALUES (?, 'placed', 0)", [(number,) for number in range(5)])
    db.execute("UPDATE orders SET state = 'late' WHERE number >= 2")
    assert [change.after["number"] for change in log.read(after=5)] == [2, 3, 4]


def test_what_is_rolled_back_was_never_there_and_uses_up_no_position():
    db, log = captured()
    with pytest.raises(ValueError), db.transaction():
        db.execute("INSERT INTO orders VALUES (1, 'placed', NULL)")
        raise ValueError
    db.execute("INSERT INTO orders VALUES (2, 'placed', NULL)")
    assert [(change.position, change.after["number"]) for change in log.read()] == [(1, 2)]


def test_a_row_that_is_replaced_is_a_delete_and_an_insert():
    """SQLite hides that delete from triggers, unless a setting of the connection says otherwise."""
    db, log = captured()
    db.execute("INSERT INTO orders VALUES (1, 'placed', NULL)")
    db.execute("INSERT OR REPLACE INTO orders VALUES (1, 'paid', NULL)")
    assert [change.operation for change in log.read(after=1)] == ["delete", "insert"]


def test_an_upsert_is_an_insert_or_an_update_and_one_that_does_nothing_is_none():
    db, log = captured()
    for conflict in ("UPDATE SET state = 'again'", "UPDATE SET state = 'again'", "NOTHING"):
        db.execute(f"INSERT INTO orders VALUES (1, 'placed', 0) ON CONFLICT (number) DO {conflict}")
    assert [change.operation for change in log.read()] == ["insert", "update"]


@pytest.mark.parametrize("value, shown", [
    (None, None), (5, 5), (-2**63, -2**63), (1.5, 1.5), ('naïve "€" \n', 'naïve "€" \n'), ("", ""),
    (b"\x00\xff", "00FF"), (b"", ""), ('{"a": 1}', '{"a": 1}'), ("null", "null")])
def test_each_kind_of_value_comes_out_as_it_went_in(value, shown):
    db, log = captured()
    db.execute("INSERT INTO orders VALUES (1, 'placed', ?)", (value,))
    assert log.read()[0].after["note"] == shown


def test_names_of_columns_may_hold_anything():
    db, log = captured(table="CREATE TABLE orders (\"it's\" INTEGER, \"say \"\"hi\"\"\" TEXT, \"größe [m]\" REAL)")
    db.execute("INSERT INTO orders VALUES (1, 'x', 2.5)")
    assert log.read()[0].after == {"it's": 1, 'say "hi"': "x", "größe [m]": 2.5}


def test_a_reader_keeps_its_own_place():
    db, log = captured()
    db.executemany("INSERT INTO orders VALUES (?, 'placed', 0)", [(number,) for number in range(7)])
    place, seen = 0, []
    while changes := log.read(after=place, limit=3):
        place = changes[-1].position
        seen += [change.after["number"] for change in changes]
    assert seen == list(range(7)) and log.read(after=7) == [] and log.read(limit=0) == []


def test_positions_go_on_after_a_trim():
    db, log = captured()
    db.executemany("INSERT INTO orders VALUES (?, 'placed', 0)", [(number,) for number in range(3)])
    log.trim(3)
    db.execute("DELETE FROM orders WHERE number = 1")
    assert [change.position for change in log.read(after=3)] == [4] and len(log) == 1


@pytest.mark.parametrize("place", [0, 1, 4])
def test_a_reader_that_goes_on_where_the_log_was_trimmed_is_told(place):
    db, log = captured()
    db.executemany("INSERT INTO orders VALUES (?, 'placed', 0)", [(number,) for number in range(7)])
    log.trim(5)
    with pytest.raises(Trimmed, match=f"the changes {place + 1} to 5 are gone") as raised:
        log.read(after=place)
    assert (raised.value.after, raised.value.trimmed, raised.value.retriable) == (place, 5, False)
    assert [change.position for change in log.read(after=5)] == [6, 7] == [
        change.position for change in log.read(after=log.trimmed)]


def test_a_reader_is_told_also_if_nothing_is_left_to_read():
    db, log = captured()
    assert log.trimmed == 0 and log.read() == []
    db.executemany("INSERT INTO orders VALUES (?, 'placed', 0)", [(number,) for number in range(7)])
    assert log.trimmed == 0
    log.trim(100)
    assert log.trimmed == 7 and log.read(after=7) == log.read(after=8) == []
    for again in (log, ChangeCapture(db, "orders")):
        with pytest.raises(Trimmed, match="the changes 7 to 7 are gone"):
            again.read(after=6)


def test_a_change_that_was_rolled_back_leaves_no_hole_that_looks_like_a_trim():
    db, log = captured()
    for number in range(3):
        with pytest.raises(ValueError), db.transaction():
            db.execute("INSERT INTO orders VALUES (?, 'placed', 0)", (number,))
            raise ValueError
        db.execute("INSERT INTO orders VALUES (?, 'placed', 0)", (number,))
        assert [change.position for change in log.read(after=number)] == [number + 1]


def test_several_tables_share_one_order():
    db = Database()
    for name in ("orders", "stock"):
        db.execute(f"CREATE TABLE {name} (number INTEGER)")
    log = ChangeCapture(db, ["orders", "stock"])
    with db.transaction():
        db.execute("INSERT INTO orders VALUES (1)")
        db.execute("INSERT INTO stock VALUES (9)")
        db.execute("DELETE FROM orders")
    assert [(change.table, change.operation) for change in log.read()] == [
        ("orders", "insert"), ("stock", "insert"), ("orders", "delete")]


def test_made_again_it_goes_on_and_knows_new_columns():
    db, log = captured()
    db.execute("INSERT INTO orders VALUES (1, 'placed', 0)")
    db.execute("ALTER TABLE orders ADD COLUMN total INTEGER")
    again = ChangeCapture(db, "ORDERS")
    db.execute("UPDATE orders SET total = 42")
    assert len(log) == 2 and again.read(after=1)[0].after["total"] == 42


def test_a_captured_outbox_is_a_log_of_events():
    db = Database()
    outbox = Outbox(db)
    log = ChangeCapture(db, "outbox")
    event = Event(type="OrderPlaced", data={"number": 1}, source="shop")
    with db.transaction():
        outbox.add(event)
    outbox.strike(1)
    assert [Event.from_json(change.after["event"]) for change in log.read() if change.operation == "insert"] == [event]


def test_another_connection_that_captures_too_writes_the_same_log(tmp_path):
    with Database(tmp_path / "shop.db") as first, Database(tmp_path / "shop.db") as second:
        first.execute(TABLE)
        log, other = ChangeCapture(first, "orders"), ChangeCapture(second, "orders")
        first.execute("INSERT INTO orders VALUES (1, 'placed', 0)")
        second.execute("REPLACE INTO orders VALUES (1, 'paid', 0)")
        assert log.read() == other.read() and [change.operation for change in log.read()] == [
            "insert", "delete", "insert"]


STATEMENTS = st.lists(st.tuples(st.sampled_from(["INSERT OR IGNORE", "REPLACE", "UPDATE", "DELETE", "roll back"]),
                                st.integers(0, 4), st.integers(0, 9)), max_size=25)


@given(STATEMENTS)
@settings(max_examples=60)
def test_a_copy_that_follows_the_log_is_the_table(statements):
    db, log = captured()
    for kind, number, note in statements:
        if kind == "UPDATE":
            db.execute("UPDATE orders SET note = ? WHERE number <= ?", (note, number))
        elif kind == "DELETE":
            db.execute("DELETE FROM orders WHERE number >= ?", (number,))
        elif kind == "roll back":
            with pytest.raises(ValueError), db.transaction():
                db.execute("DELETE FROM orders")
                raise ValueError
        else:
            db.execute(f"{kind} INTO orders VALUES (?, 'placed', ?)", (number, note))
    copy = {}
    changes = log.read(limit=1000)
    for change in changes:
        assert copy.get((change.before or change.after)["number"]) == change.before
        if change.before is not None:
            del copy[change.before["number"]]
        if change.after is not None:
            copy[change.after["number"]] = change.after
    assert sorted((row["number"], row["state"], row["note"]) for row in copy.values()) == db.rows(
        "SELECT * FROM orders ORDER BY number")
    assert [change.position for change in changes] == list(range(1, len(changes) + 1))


def test_a_crash_leaves_the_change_and_its_row_of_the_log_or_neither():
    def scenario(world):
        def boot():
            db = Database("shop.db", world, "shop")
            db.execute(TABLE.replace("TABLE", "TABLE IF NOT EXISTS"))
            ChangeCapture(db, "orders")
            for number in range(3):
                with db.transaction():
                    db.execute("INSERT OR IGNORE INTO orders VALUES (?, 'placed', 0)", (number,))
                    world.point("written")
                world.point("committed")
            yield 0.0

        world.node("shop", boot)
        world.run(until=60)
        db = Database("shop.db", world, "shop")
        numbers = [number for number, in db.rows("SELECT number FROM orders ORDER BY number")]
        changes = [change.after["number"] for change in ChangeCapture(db, "orders").read()]
        return [] if numbers == changes == [0, 1, 2] else [Anomaly("cdc", f"{numbers} and {changes}")]

    trials = list(sweep(scenario, pairs=True))
    assert len(trials) > 20 and not any(trial.anomalies for trial in trials)


def test_an_open_transaction_is_in_no_log_after_a_crash():
    world = World(faults=Plan([Fault("crash", "shop@written", 1, 100)]))

    def work():
        db = Database("shop.db", world, "shop")
        db.execute(TABLE)
        ChangeCapture(db, "orders")
        with db.transaction():
            db.execute("INSERT INTO orders VALUES (1, 'placed', 0)")
            world.point("written")
        yield 0.0

    world.spawn(work(), "shop")
    world.run(until=1)
    assert world.struck_by and len(ChangeCapture(Database("shop.db", world, "shop"), "orders")) == 0


@pytest.mark.parametrize("tables, text", [
    ("missing", "there is no table missing"), (["orders", "missing"], "there is no table missing"),
    ("", "names no table"), ("orders; DROP TABLE orders", "names no table"), (["orders", 5], "names no table"),
    (None, "names no table"), ([], "no table is named"), ("changes", "names no table"), ("CHANGES", "names no table"),
    ("a_view", "no table a_view")])
def test_what_cannot_be_captured_is_refused_and_nothing_is_half_done(tables, text):
    db = Database()
    db.execute(TABLE)
    db.execute("CREATE VIEW a_view AS SELECT * FROM orders")
    with pytest.raises(InvalidUse, match=text):
        ChangeCapture(db, tables)
    assert db.value("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'") == 0


@pytest.mark.parametrize("use", [
    lambda log: log.read(after=-1), lambda log: log.read(limit="all"), lambda log: log.read(after=None),
    lambda log: log.trim("all"), lambda log: log.trim(-1)])
def test_what_is_no_place_is_refused(use):
    with pytest.raises(InvalidUse, match="is no number of events"):
        use(captured()[1])


def test_a_capture_of_no_database_is_refused():
    with pytest.raises(InvalidUse, match="is no Database"):
        ChangeCapture("orders.db", "orders")
