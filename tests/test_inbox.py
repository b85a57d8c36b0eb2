"""The inbox: INBOX-1, what it keeps and forgets, several on one file."""

from __future__ import annotations

import itertools

import pytest
from delivery_child import count_once
from projection_child import start as start_child
from store_files import fast_folder

from evlab import Bus, Database, Event, Fault, Faults, Plan, World, sweep
from evlab.errors import InvalidUse
from evlab.inbox import Inbox
from evlab.sim import Anomaly


def event(number=1):
    return Event(type="StockTaken", data={"number": number}, source="shop", id=f"e-{number}")


class Shelf:
    """A database with a number in it, and an inbox beside."""

    def __init__(self, path=":memory:", env=None, **options):
        self.db = Database(path, env)
        self.db.execute("CREATE TABLE IF NOT EXISTS taken (id TEXT)")
        self.inbox = Inbox(self.db, "stock", **options)

    def take(self, event):
        with self.inbox.once(event) as new:
            if new:
                self.db.execute("INSERT INTO taken VALUES (?)", (event.id,))
        return new

    @property
    def taken(self):
        return [id for id, in self.db.rows("SELECT id FROM taken ORDER BY rowid")]


# ------------------------------------------------------------------------------------------------------------ INBOX-1


class MarksFirst(Inbox):
    """A transaction for the mark, and then the effect."""

    def once(self, event):
        with super().once(event) as new:
            pass
        return _Known(new)


class EffectFirst(Inbox):
    """The effect, and then a transaction for the mark."""

    def once(self, event):
        outer = super()
        return _Known(event not in self, lambda: outer.once(event))


class _Known:
    def __init__(self, new, after=None):
        self.new, self.after = new, after

    def __enter__(self):
        return self.new

    def __exit__(self, kind, *_):
        if self.after and kind is None:
            with self.after():
                pass


def consumer(kind=Inbox, count=3):
    """A scenario: a shop sends each event twice, out of order, on a bus that redelivers; a consumer counts them."""
    def scenario(world):
        bus = Bus(world)

        def boot():
            db = Database("stock.db", world, "stock")
            db.execute("CREATE TABLE IF NOT EXISTS taken (id TEXT)")
            inbox = kind(db, "stock")

            def handle(event):
                with inbox.once(event) as new:
                    if new:
                        world.point("before the effect")
                        db.execute("INSERT INTO taken VALUES (?)", (event.id,))
                        world.point("after the effect")

            bus.subscribe("#", handle, name="stock")

        def shop():
            for number in (*range(count), *reversed(range(count))):
                bus.publish(event(number))
                yield 0.01

        world.node("stock", boot)
        world.spawn(shop(), "bus")
        world.run(until=60)
        world.calm().run(until=120)
        taken = [id for id, in Database("stock.db", world, "stock").rows("SELECT id FROM taken ORDER BY id")]
        return [] if taken == [f"e-{number}" for number in range(count)] else [
            Anomaly("duplicate" if len(taken) > len(set(taken)) else "lost", f"taken: {taken}")]

    return scenario


@pytest.mark.parametrize("kind", ["crash", "kill"])
def test_an_effect_happens_once_wherever_the_consumer_crashes(kind):
    """INBOX-1: a crash at each point before, between and after mark and effect, and at all pairs of them."""
    sites = set()
    for trial in sweep(consumer(count=2), kind=kind, pairs=True):
        assert trial.anomalies == [], trial.plan
        sites |= {fault.site for fault in trial.plan.faults}
    assert sites == {f"stock@{point}" for point in ("received", "marked", "before the effect", "after the effect",
                                                    "handled once", "handled")}


def test_an_effect_happens_once_whatever_the_network_does(amount):
    """INBOX-1: lost, doubled, late messages and crashes, from a seed."""
    struck, rates = 0, Faults(drop=0.15, duplicate=0.15, delay=0.15, crash=0.05, kill=0.05, pauses=1, late=5.0)
    for seed in range(amount(200, 20_000)):
        world = World(seed, rates)
        assert consumer()(world) == [], seed
        struck += len(world.struck_by)
    assert struck > 1000


@pytest.mark.parametrize("kind, anomaly", [(MarksFirst, "lost"), (EffectFirst, "duplicate")])
def test_mark_and_effect_in_two_transactions_are_found(kind, anomaly):
    found = {one.name for trial in sweep(consumer(kind, count=1)) for one in trial.anomalies}
    assert found == {anomaly}


def test_without_an_inbox_a_crash_doubles_the_effect():
    class Always(Inbox):
        def _mark(self, id):
            return True

    assert {one.name for trial in sweep(consumer(Always, count=1)) for one in trial.anomalies} == {"duplicate"}


@pytest.mark.parametrize("point, there", [("marked", False), ("after the effect", False), ("handled once", True)])
def test_a_crash_leaves_both_or_neither(point, there):
    world = World(faults=Plan([Fault("crash", f"stock@{point}", 1, 1000)]))

    def work():
        shelf = Shelf("stock.db", world)
        with shelf.inbox.once(event()) as new:
            assert new
            shelf.db.execute("INSERT INTO taken VALUES ('e-1')")
            world.point("after the effect")
        yield 0.0

    world.spawn(work(), "stock")
    world.run(until=1)
    assert world.struck_by
    db = Database("stock.db", world, "stock")
    assert (db.value("SELECT count(*) FROM taken"), db.value("SELECT count(*) FROM inbox")) == (there, there)


@pytest.fixture
def folder():
    with fast_folder() as folder:
        yield folder


def test_two_processes_with_one_inbox_do_each_effect_once(folder):
    """INBOX-1: both are handed all events, in different orders, at the same time."""
    children = [start_child(count_once, folder / "stock.db", seed, 300) for seed in (1, 2, 3)]
    for _, pipe in children:
        assert pipe.poll(60) and pipe.recv() == "ready"
    told = [pipe.recv() for _, pipe in children if pipe.poll(60)]
    for child, _ in children:
        child.join(20)
        assert child.exitcode == 0
    with Database(folder / "stock.db") as db:
        rows = db.rows("SELECT id, count(*) FROM taken GROUP BY id")
    assert len(rows) == 300 and {count for _, count in rows} == {1}
    assert sum(new for new, _ in told) == 300 and sum(duplicates for _, duplicates in told) == 600


# ------------------------------------------------------------------------------------------------------------- in use


def test_an_id_is_new_once():
    shelf = Shelf()
    assert [shelf.take(event(number)) for number in (1, 2, 1, 1, 2, 3)] == [True, True, False, False, False, True]
    assert shelf.taken == ["e-1", "e-2", "e-3"]
    assert (len(shelf.inbox), shelf.inbox.duplicates) == (3, 3)
    assert event(1) in shelf.inbox and "e-2" in shelf.inbox and "e-9" not in shelf.inbox
    assert repr(shelf.inbox) == "Inbox('stock', 3 ids)"


def test_an_effect_that_raises_is_no_effect_and_may_come_again():
    shelf = Shelf()
    with pytest.raises(ValueError), shelf.inbox.once(event()) as new:
        assert new
        shelf.db.execute("INSERT INTO taken VALUES ('e-1')")
        raise ValueError
    assert shelf.taken == [] and event() not in shelf.inbox
    assert shelf.take(event())


def test_run_calls_the_effect_once():
    shelf, calls = Shelf(), []
    assert shelf.inbox.run(event(), lambda: calls.append(1)) is True
    assert shelf.inbox.run(event(), lambda: calls.append(1)) is False
    assert calls == [1]


def test_an_id_may_be_a_fact_of_ones_own():
    shelf = Shelf()
    assert shelf.inbox.run("refund of order-1042", lambda: None)
    assert not shelf.inbox.run("refund of order-1042", lambda: None)


def test_consumers_of_one_database_do_not_share_their_ids():
    db = Database()
    mail, stock = Inbox(db, "mail"), Inbox(db, "stock")
    assert mail.run(event(), lambda: None) and stock.run(event(), lambda: None)
    assert len(mail) == len(stock) == 1


def test_inside_of_a_larger_transaction_it_is_part_of_that():
    shelf = Shelf()
    with pytest.raises(ValueError), shelf.db.transaction():
        shelf.take(event())
        raise ValueError
    assert shelf.taken == [] and event() not in shelf.inbox


def test_what_is_handled_is_remembered_in_the_file(tmp_path):
    Shelf(tmp_path / "stock.db").take(event())
    assert not Shelf(tmp_path / "stock.db").take(event())


def test_ids_are_forgotten_after_their_time_two_for_each_new_one():
    world = World()

    def work():
        shelf = Shelf(env=world, keep=10)
        for number in range(5):
            assert shelf.take(event(number))
            yield 1.0
        yield 4.0  # 9 s after the first, which is remembered
        assert not shelf.take(event(0))
        yield 4.5  # 13.5 s: 0 to 3 are too old, and two go with each delivery
        sizes = []
        for number in (10, 11, 12):
            shelf.take(event(number))
            sizes.append(len(shelf.inbox))
        assert sizes == [4, 3, 4] and event(4) in shelf.inbox and event(0) not in shelf.inbox
        return "done"

    done = world.spawn(work())
    world.run()
    assert done.value == "done"


def test_an_id_is_remembered_for_the_whole_of_its_time_and_others_keep_theirs():
    world = World()

    def work():
        db = Database(env=world)
        short, long = Inbox(db, "mail", keep=10), Inbox(db, "invoices")
        assert short.run(event(), list) and long.run(event(), list)
        yield 10.0
        assert not short.run(event(), list), "10 s old, and kept for 10 s"
        yield 1.0
        assert short.run(event(2), list) and event() not in short
        assert event() in long, "what one consumer forgets is not the other's"
        return "done"

    done = world.spawn(work())
    world.run()
    assert done.value == "done"


def test_a_mark_that_fails_leaves_no_transaction_open():
    shelf = Shelf()
    shelf.db.execute("ALTER TABLE inbox RENAME TO elsewhere")
    with pytest.raises(Exception, match="no such table"):
        shelf.take(event())
    shelf.db.execute("ALTER TABLE elsewhere RENAME TO inbox")
    with pytest.raises(ValueError), shelf.db.transaction():
        shelf.db.execute("INSERT INTO taken VALUES ('e-1')")
        raise ValueError
    assert shelf.taken == [], "that was a transaction of its own"
    assert shelf.take(event())


def test_a_table_that_is_kept_for_a_time_stays_as_large_as_its_window():
    world = World()

    def work():
        shelf = Shelf(env=world, keep=50)
        for number in itertools.count():
            shelf.take(event(number))
            assert len(shelf.inbox) <= 52
            yield 1.0

    world.spawn(work())
    world.run(until=300)


# ---------------------------------------------------------------------------------------------------------- bad input


def test_a_database_with_one_consumer_needs_no_name():
    db = Database()
    with Inbox(db).once("order-1042") as first:
        pass
    with Inbox(db).once("order-1042") as again:
        assert (first, again) == (True, False)


@pytest.mark.parametrize("make, text", [
    (lambda: Inbox("stock.db"), "is no Database"), (lambda: Inbox(None), "is no Database"),
    (lambda: Inbox(Database(), ""), "names no consumer"), (lambda: Inbox(Database(), 5), "names no consumer"),
    *[(lambda keep=keep: Inbox(Database(), "stock", keep=keep), "no length of time")
      for keep in (0, -1, True, "1 h", float("nan"))]])
def test_an_inbox_that_cannot_work_is_refused(make, text):
    with pytest.raises(InvalidUse, match=text):
        make()


@pytest.mark.parametrize("effect", [None, 5, "charge"])
def test_an_effect_that_cannot_be_called_is_refused_and_the_id_may_come_again(effect):
    inbox = Inbox(Database(), "stock")
    with pytest.raises(InvalidUse, match="cannot be called"):
        inbox.run("e-1", effect)
    assert inbox.run("e-1", list)


@pytest.mark.parametrize("id", ["", None, 5, b"e-1", ["e-1"], "half of \ud83d"])
def test_what_is_no_id_is_refused(id):
    inbox = Inbox(Database(), "stock")
    for use in (inbox.once, lambda id: inbox.run(id, list), inbox.__contains__):
        with pytest.raises(InvalidUse, match="is no id"):
            use(id)


def test_once_without_with_is_refused():
    """`if inbox.once(event):` would be true each time, and no transaction would be open."""
    inbox = Inbox(Database(), "stock")
    with pytest.raises(InvalidUse, match="write `with inbox.once"):
        assert inbox.once(event())
    assert event() not in inbox


def test_an_effect_that_yields_is_refused_and_the_id_may_come_again():
    inbox = Inbox(Database(), "stock")

    def effect():
        yield 1.0

    with pytest.raises(InvalidUse, match="yields"):
        inbox.run(event(), effect)
    assert event() not in inbox
