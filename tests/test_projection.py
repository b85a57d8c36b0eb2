"""Projections at work: PROJ-1, failing handlers, rebuilding beside, reactors, waiting, several at once."""

from __future__ import annotations

import random
import sqlite3
from datetime import UTC, datetime, timedelta

import pytest
from projection_child import catch_up_beside_others, catch_up_until_killed, start, trail
from projection_logs import FOLDS, Bank, accounts, letters, moves, random_log, tables_in
from projection_zoo import WRONG
from store_files import fast_folder

from evlab import Database, Event, EventStore, Fault, Plan, Projection, Projector, Reactor, Real, Timeout, World, run
from evlab.errors import InvalidUse
from evlab.projection import NeedsRebuild, ProjectionFailed


def paid(count=1, type="Paid", **data):
    return [Event(type=type, data={"cents": number, **data}) for number in range(count)]


def filled(count, path=":memory:", env=None):
    store = EventStore(path, env)
    if count:
        store.append("account-1", paid(count))
    return store


def journal(version=1, name="journal", table="journal", handle=None, types=("Paid",)):
    """A read model that lists the positions of events, with the version of the code that wrote each row."""
    projection = Projection(name, f"CREATE TABLE {{{table}}} (position INTEGER, version INTEGER)", version=version)

    @projection.on(*types)
    def write(view, recorded):
        view.execute(f"INSERT INTO {{{table}}} VALUES (?, ?)", (recorded.position, version))
        if handle is not None:
            handle(recorded)

    return projection


def positions(projector, name="journal"):
    return [position for (position,) in projector.view(name).rows(f"SELECT position FROM {{{name}}} ORDER BY rowid")]


def tables(db):
    return sorted(name for (name,) in db.rows("SELECT name FROM sqlite_master WHERE type = 'table'"))


@pytest.fixture
def folder():
    """Where files stand that no test looks at after a power loss."""
    with fast_folder() as folder:
        yield folder


class Breaks:
    """A handler that raises at these positions until it is mended."""

    def __init__(self, *positions):
        self.positions, self.calls = positions, []

    def __call__(self, recorded):
        self.calls.append(recorded.position)
        if recorded.position in self.positions:
            raise ValueError("no such account")


# ------------------------------------------------------------------------------------------------------------- PROJ-1


POINTS = ("projected", "checkpointed", "rebuilding", "reacted")
PARTS = [("accounts",), ("moves",), ("letters",), ("accounts", "letters")]


def lives(seed, kind=Projector):
    """The bank of this seed once without a crash, then once for each pass of a point, with a crash there."""
    rng = random.Random(seed)
    log = random_log(rng, longest=8 if seed % 10 == 0 else 3)
    rebuilds = {rng.randrange(len(log))} if rng.random() < 0.5 else ()

    batch = rng.randint(1, 3)

    def live(*faults):
        world = World(seed, Plan(faults))
        bank = Bank(world, log, parts=PARTS[seed % 4], batch=batch, rebuilds=rebuilds, kind=kind)
        world.run()
        assert len(world.struck_by) == len(faults), "the crash was reached"
        return world, bank

    world, bank = live()
    passed = {point: world.points.get(f"bank@{point}", 0) for point in POINTS}
    yield "no crash", world, bank
    for point, passes in passed.items():
        for number in range(1, passes + 1):
            fault = Fault("crash", f"bank@{point}", number, 0.5)
            yield fault, *live(fault)


def test_a_projection_is_the_fold_of_its_events(amount):
    """PROJ-1: of 500 random logs (10,000 in a soak) the read models are the plain Python folds, at every look.

    Each log is run with a crash at each pass of each point. The tables are compared with the fold of the events up to
    their checkpoint: after each start, each append, in a rebuild, and at the end, made event by event and rebuilt.
    """
    struck = dict.fromkeys(POINTS, 0)
    for seed in range(amount(500, 10_000)):
        for fault, world, bank in lives(seed):
            assert bank.end() == [], f"seed {seed}, {fault}"
            for crash in world.struck_by:
                struck[crash.site.partition("@")[2]] += 1
    assert min(struck.values()) >= 200, struck


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_projector_is_found_by_the_same_look(kind):
    assert any(bank.end() for seed in range(1, 40) for _, _, bank in lives(seed, kind)), kind.__doc__


def test_two_crashes_are_no_worse_than_one():
    """PROJ-1: a crash at each point, and at each later one a second."""
    seed = 3
    log, runs = random_log(random.Random(seed), longest=3), 0

    def live(*faults):
        world = World(seed, Plan(faults))
        bank = Bank(world, log, parts=("accounts", "letters"), batch=2, rebuilds={0})
        world.run()
        points = {site: count for site, count in world.points.items() if site.startswith("bank@")}
        assert bank.end() == [], faults
        return points

    def passes(points, after):
        return [Fault("crash", site, number, 0.5) for site, count in points.items()
                for number in range(after.get(site, 0) + 1, count + 1)]

    for first in passes(live(), {}):
        for second in passes(live(first), {first.site: first.n}):
            live(first, second)
            runs += 1
    assert runs >= 80


@pytest.mark.parametrize("batch", [1, 2, 3, 7, 100, 500])
def test_batches_and_pauses_of_any_size_give_the_same_read_model(batch):
    """PROJ-1, without crashes: logs of 100 events and more, caught up with at random moments."""
    for seed in range(5):
        rng = random.Random(f"{batch}/{seed}")
        log = random_log(rng, longest=150)
        events = [event for _, events in log for event in events]
        store, projector = EventStore(), None
        for stream, some in log:
            if projector is None or rng.random() < 0.1:
                projector = Projector(store, [accounts(), moves()], Database() if projector is None else projector.db,
                                      batch=batch)
            store.append(stream, some)
            if rng.random() < 0.3:
                projector.catch_up()
        projector.catch_up()
        for name, fold in FOLDS.items():
            assert tables_in(projector, name) == fold(events)
            projector.rebuild(name)
            assert tables_in(projector, name) == fold(events)


def test_a_killed_process_leaves_rows_and_checkpoint_in_agreement(amount, folder):
    """PROJ-1: a child that catches up and rebuilds is killed at random; after each kill the tables are looked at."""
    rng, views = random.Random(5), folder / "views.db"
    with EventStore(folder / "store.db") as store:
        store.append("counter", paid(60, type="Counted"))
        for kill in range(amount(20, 2_000)):
            store.append("counter", paid(type="Counted"))
            child, pipe = start(catch_up_until_killed, folder / "store.db", views, rng.choice([1, 3, 7, 100]))
            for _ in range(rng.randrange(1, 150)):
                pipe.recv()
            child.kill()
            child.join()
            with Database(views) as db:
                projector = Projector(store, [trail()], db)
                rows, checkpoint = projector.view("trail").rows("SELECT * FROM {trail}"), projector.checkpoint("trail")
                assert rows == [(position, position, 1) for position in range(1, checkpoint + 1)], f"kill {kill}"
                if kill % 5 == 4:
                    projector.catch_up()
                    assert projector.checkpoint("trail") == store.position


# ---------------------------------------------------------------------------------------------------------- catching up


def test_catch_up_reads_what_is_there_and_tells_how_much():
    store = filled(3)
    projector = Projector(store, [journal(), journal(name="second", table="second", types=("Refunded",))])
    assert projector.catch_up() == 6 and projector.catch_up() == 0
    store.append("account-2", paid(2))
    assert projector.catch_up() == 4
    assert positions(projector) == [1, 2, 3, 4, 5] and positions(projector, "second") == []
    assert [projector.checkpoint(name) for name in ("journal", "second")] == [5, 5]


def test_a_projector_of_nothing_is_up_to_date():
    projector = Projector(filled(3), [])
    assert projector.catch_up() == 0 and projector.lag() == [] and projector.wait_for(3).done


@pytest.mark.parametrize("batch, commits", [(1, 10), (3, 4), (5, 2), (10, 1), (500, 1)])
def test_a_batch_is_one_transaction(batch, commits):
    projector = Projector(filled(10), [journal()], batch=batch)
    before = projector.db.commits
    projector.catch_up()
    assert projector.db.commits - before == commits


def test_a_read_model_may_stand_in_the_stores_own_file(tmp_path):
    for _ in range(2):
        with EventStore(tmp_path / "store.db") as store:
            projector = Projector(store, [journal()], store.db)
            store.append("account-1", paid(2))
            projector.catch_up()
            assert positions(projector) == list(range(1, store.position + 1))
    assert store.path == str(tmp_path / "store.db")


def test_a_read_model_is_kept_in_its_file_and_goes_on_there(tmp_path):
    store = filled(2)
    with Database(tmp_path / "views.db") as db:
        Projector(store, [journal()], db).catch_up()
    store.append("account-1", paid(1))
    with Database(tmp_path / "views.db") as db:
        projector = Projector(store, [journal()], db)
        assert projector.checkpoint("journal") == 2 and projector.catch_up() == 1
        assert positions(projector) == [1, 2, 3]


def test_a_new_projection_begins_at_the_first_event_years_later():
    store, db = filled(4), Database()
    Projector(store, [journal()], db).catch_up()
    projector = Projector(store, [journal(), journal(name="new", table="new")], db)
    assert projector.catch_up() == 4 and positions(projector, "new") == [1, 2, 3, 4]


# ------------------------------------------------------------------------------------------------- handlers that raise


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
@pytest.mark.parametrize("bad", [1, 2, 5, 6])
def test_a_handler_that_raises_stops_its_projection_before_that_event(batch, bad):
    breaks, store = Breaks(bad), filled(6)
    projector = Projector(store, [journal(handle=breaks), journal(name="other", table="other")], batch=batch)
    for _ in range(2):
        with pytest.raises(ProjectionFailed) as caught:
            projector.catch_up()
    error = caught.value
    assert (error.name, error.position, error.event) == ("journal", bad, list(store.read_all())[bad - 1].event)
    assert error.what == f"journal cannot handle Paid at position {bad}" and isinstance(error.__cause__, ValueError)
    assert positions(projector) == list(range(1, bad)), "of the bad event not even the row that it had written"
    assert projector.checkpoint("journal") == bad - 1
    assert positions(projector, "other") == [1, 2, 3, 4, 5, 6], "the others go on"
    breaks.positions = ()
    projector.catch_up()
    assert positions(projector) == [1, 2, 3, 4, 5, 6]


def test_the_line_of_the_handler_is_part_of_the_error():
    projection = journal()

    @projection.on("Refunded")
    def refunded(view, recorded):
        view.execute("INSERT INTO {jurnal} VALUES (1)")

    store = EventStore()
    store.append("account-1", paid(type="Refunded"))
    with pytest.raises(ProjectionFailed) as caught:
        Projector(store, [projection]).catch_up()
    assert "no such" in caught.value.why or "unrecognized" in caught.value.why
    assert "test_projection.py" in caught.value.why and "{jurnal}" in caught.value.why
    assert "mend the handler" in caught.value.next_step


def test_the_first_failure_is_the_one_that_comes_out():
    other = journal(name="other", table="other", handle=Breaks(1))
    projector = Projector(filled(3), [journal(handle=Breaks(2)), other])
    with pytest.raises(ProjectionFailed) as caught:
        projector.catch_up()
    assert caught.value.name == "journal"
    assert (projector.checkpoint("journal"), projector.checkpoint("other")) == (1, 0)


def test_a_handler_that_asks_for_more_catching_up_does_not_begin_again_in_itself():
    projector = Projector(filled(3), [journal(handle=lambda recorded: calls.append(projector.catch_up()))])
    calls = []
    assert projector.catch_up() == 3 and calls == [0, 0, 0]
    assert positions(projector) == [1, 2, 3]


def test_after_a_failure_the_next_call_works_again():
    breaks = Breaks(1)
    projector = Projector(filled(1), [journal(handle=breaks)])
    for _ in range(3):
        with pytest.raises(ProjectionFailed):
            projector.catch_up()
    assert breaks.calls == [1, 1, 1]


# --------------------------------------------------------------------------------------------------- another version


def test_tables_of_another_version_need_a_rebuild_and_are_served_until_then():
    store, db = filled(3), Database()
    Projector(store, [journal()], db).catch_up()
    projector = Projector(store, [journal(2), journal(name="other", table="other")], db)
    for _ in range(2):
        with pytest.raises(NeedsRebuild) as caught:
            projector.catch_up()
    assert (caught.value.name, caught.value.stored, caught.value.version) == ("journal", 1, 2)
    assert 'rebuild("journal")' in caught.value.next_step
    assert positions(projector, "other") == [1, 2, 3], "the others go on"
    assert projector.view("journal").rows("SELECT * FROM {journal}") == [(1, 1), (2, 1), (3, 1)]
    store.append("account-1", paid())
    projector.rebuild("journal")
    assert projector.view("journal").rows("SELECT * FROM {journal}") == [(1, 2), (2, 2), (3, 2), (4, 2)]
    assert projector.catch_up() == 1, "the other one"
    with pytest.raises(NeedsRebuild):
        Projector(store, [journal(1)], db).catch_up()


def test_tables_may_change_with_the_version_there_and_back():
    def sums(version):
        tables = ["CREATE TABLE {sums} (cents INTEGER)", "CREATE INDEX {sums_index} ON {sums} (cents)"]
        if version == 2:
            tables = ["CREATE TABLE {sums} (cents INTEGER, position INTEGER)", "CREATE TABLE {days} (day TEXT)"]
        projection = Projection("sums", tables, version=version)

        @projection.on("Paid")
        def paid(view, recorded):
            view.execute("INSERT INTO {sums} (cents) VALUES (?)", (recorded.event.data["cents"],))
            if version == 2:
                view.execute("INSERT INTO {days} VALUES ('Monday')")

        return projection

    store, db = filled(3), Database()
    Projector(store, [sums(1)], db).catch_up()
    assert tables(db) == ["evlab_projections", "sums_1"]
    projector = Projector(store, [sums(2)], db)
    projector.rebuild("sums")
    assert projector.view("sums").rows("SELECT cents, position, day FROM {sums} JOIN {days} LIMIT 1") == [
        (0, None, "Monday")]
    assert tables(db) == ["days_2", "evlab_projections", "sums_2"]
    Projector(store, [sums(1)], db).rebuild("sums")
    assert tables(db) == ["evlab_projections", "sums_3"]


def test_other_tables_with_the_same_version_are_noticed():
    db = Database()
    Projector(filled(1), [journal()], db)
    projector = Projector(filled(1), [journal(table="book")], db)
    with pytest.raises(NeedsRebuild, match="tables have changed"):
        projector.catch_up()
    projector.rebuild("journal")
    assert projector.view("journal").value("SELECT count(*) FROM {book}") == 1 and "journal_1" not in tables(db)


def test_a_read_model_that_is_ahead_of_its_store_is_noticed():
    db = Database()
    Projector(filled(5), [journal(), letters([])], db).catch_up()
    store, sent = filled(3), []
    projector = Projector(store, [journal(), letters(sent)], db)
    with pytest.raises(NeedsRebuild, match="read up to position 5, and the store ends at 3") as caught:
        projector.catch_up()
    assert (caught.value.name, caught.value.checkpoint, caught.value.end) == ("journal", 5, 3)
    projector.rebuild("journal")
    assert positions(projector) == [1, 2, 3]
    with pytest.raises(NeedsRebuild, match="letters") as caught:
        projector.catch_up()
    assert "another name" in caught.value.next_step and sent == []


# ------------------------------------------------------------------------------------------------------ rebuild beside


def test_while_a_rebuild_runs_queries_see_the_old_tables_and_they_are_kept_up():
    """The rows of version 1 are served, and new events reach them, until the new tables have every event."""
    store, db = filled(6), Database()
    old, new = Projector(store, [journal(1)], db, batch=2), Projector(store, [journal(2)], db, batch=2)
    old.catch_up()
    seen, process = [], new.rebuilding("journal")
    for _ in process:
        if len(seen) < 3:
            store.append("account-1", paid())
            old.catch_up()
        rows = new.view("journal").rows("SELECT * FROM {journal}")
        assert rows == old.view("journal").rows("SELECT * FROM {journal}")
        assert rows == [(position, 1) for position in range(1, store.position + 1)]
        seen.append(len(rows))
    assert seen == [7, 8, 9, 9]
    assert new.view("journal").rows("SELECT * FROM {journal}") == [(position, 2) for position in range(1, 10)]
    assert old.view("journal").value("SELECT min(version) FROM {journal}") == 2, "at once, for everyone"
    assert tables(db) == ["evlab_projections", "journal_2"]


def test_in_a_world_a_rebuild_gives_way_to_the_follower_and_to_readers():
    world = World(3)
    store = filled(40, "store.db", world)
    projector = Projector(store, [journal()], batch=4)
    looks = []

    def reader():
        for _ in range(6):
            looks.append((projector.checkpoint("journal"), positions(projector), store.position))
            store.append("account-1", paid())
            yield 0.0

    world.spawn(projector.follow())
    world.run()
    rebuild = world.spawn(projector.rebuilding("journal"))
    world.spawn(reader())
    world.run()
    assert rebuild.done and len(looks) == 6
    for checkpoint, rows, _ in looks:
        assert rows == list(range(1, checkpoint + 1)) and checkpoint >= 40, "whole at every look"
    assert positions(projector) == list(range(1, 47)) and tables(projector.db) == ["evlab_projections", "journal_2"]


@pytest.mark.parametrize("count, batch", [(0, 2), (1, 2), (2, 2), (3, 2), (4, 2), (5, 500)])
def test_progress_is_told_up_to_the_end(count, batch):
    told = []
    projector = Projector(filled(count), [journal()], batch=batch)
    projector.rebuild("journal", lambda done, total: told.append((done, total)))
    assert told[-1] == (count, count) and told == sorted(told)
    assert {total for _, total in told} == {count} and len(told) == count // batch + 1
    assert positions(projector) == list(range(1, count + 1)) and projector.catch_up() == 0


def test_a_rebuild_that_was_left_in_the_middle_leaves_the_old_tables_and_the_next_one_begins_anew():
    store, db = filled(6), Database()
    projector = Projector(store, [journal()], db, batch=2)
    projector.catch_up()
    for _ in range(3):
        process = projector.rebuilding("journal")
        next(process)
        next(process)
        process.close()
        assert positions(projector) == [1, 2, 3, 4, 5, 6]
    assert tables(db) == ["evlab_projections", "journal_1", "journal_4"]
    store.append("account-1", paid())
    projector.catch_up()
    assert positions(projector) == [1, 2, 3, 4, 5, 6, 7]
    projector.rebuild("journal")
    assert positions(projector) == [1, 2, 3, 4, 5, 6, 7] and tables(db) == ["evlab_projections", "journal_5"]


def test_what_a_left_rebuild_of_another_version_has_made_is_cleared_away():
    store, db = filled(6), Database()
    Projector(store, [journal(1)], db).catch_up()
    wide = Projection("journal", ["CREATE TABLE {journal} (position INTEGER, version INTEGER)",
                                  "CREATE TABLE {extra} (x)"], version=2)
    process = Projector(store, [wide], db, batch=2).rebuilding("journal")
    next(process)
    assert "extra_2" in tables(db)
    Projector(store, [journal(3)], db).rebuild("journal")
    assert tables(db) == ["evlab_projections", "journal_3"]


def test_of_two_rebuilds_at_once_the_later_one_wins_and_the_first_is_told():
    store = filled(8)
    projector = Projector(store, [journal()], batch=2)
    projector.catch_up()
    first = projector.rebuilding("journal")
    next(first)
    second = projector.rebuilding("journal")
    next(second)
    with pytest.raises(InvalidUse, match="somebody else has begun to rebuild journal"):
        list(first)
    assert positions(projector) == list(range(1, 9))
    list(second)
    assert positions(projector) == list(range(1, 9)) and tables(projector.db) == ["evlab_projections", "journal_3"]


def test_a_rebuild_that_was_overtaken_by_a_whole_one_is_told():
    projector = Projector(filled(8), [journal()], batch=2)
    first = projector.rebuilding("journal")
    next(first)
    projector.rebuild("journal")
    with pytest.raises(InvalidUse, match="somebody else"):
        next(first)
    assert positions(projector) == list(range(1, 9))


def test_a_handler_that_raises_in_a_rebuild_leaves_the_old_tables():
    breaks = Breaks()
    projector = Projector(filled(5), [journal(handle=breaks)], batch=2)
    projector.catch_up()
    breaks.positions = (4,)
    with pytest.raises(ProjectionFailed) as caught:
        projector.rebuild("journal")
    assert caught.value.position == 4 and positions(projector) == [1, 2, 3, 4, 5]
    breaks.positions = ()
    projector.rebuild("journal")
    assert positions(projector) == [1, 2, 3, 4, 5] and tables(projector.db) == ["evlab_projections", "journal_3"]


def test_a_rebuild_mends_a_projection_whose_handler_has_failed():
    breaks, store = Breaks(3), filled(5)
    projector = Projector(store, [journal(handle=breaks)])
    with pytest.raises(ProjectionFailed):
        projector.catch_up()
    breaks.positions = ()
    projector.rebuild("journal")
    assert positions(projector) == [1, 2, 3, 4, 5] and projector.catch_up() == 0


# ------------------------------------------------------------------------------------------------------------ reactors


def mailer(sent, name="mailer", **options):
    reactor = Reactor(name, **options)
    reactor.on("Paid")(lambda recorded: sent.append(recorded.position))
    return reactor


def test_a_reactor_begins_at_the_end_of_the_store_and_goes_on_from_there():
    store, db, sent = filled(3), Database(), []
    projector = Projector(store, [mailer(sent)], db)
    store.append("account-1", paid(2))
    projector.catch_up()
    assert sent == [4, 5]
    store.append("account-1", paid())
    Projector(store, [mailer(sent)], db).catch_up()
    assert sent == [4, 5, 6], "it began once, where the store ended when it was first seen"


def test_a_reactor_may_begin_at_the_first_event_of_all():
    sent = []
    Projector(filled(3), [mailer(sent, from_start=True)]).catch_up()
    assert sent == [1, 2, 3]


def test_a_crash_repeats_the_one_effect_that_was_not_marked():
    world, sent, lives = World(1, Plan([Fault("crash", "shop@reacted", 3, 1.0)])), [], []

    def boot():
        store = EventStore("store.db", world, node="shop")
        if not lives:
            store.append("account-1", [event for n in range(5) for event in (*paid(), *paid(type="Other"))])
        lives.append(1)
        reactor = Projector(store, [mailer(sent, from_start=True)], Database("mail.db", world, "shop"), batch=4)
        return reactor.follow()

    world.node("shop", boot)
    world.run()
    assert len(lives) == 2 and sent == [1, 3, 5, 5, 7, 9]


def test_a_reactor_that_raises_stops_alone_and_repeats_no_effect_that_worked():
    sent, breaks = [], Breaks(3)
    reactor = Reactor("mailer", from_start=True)

    @reactor.on("Paid")
    def send(recorded):
        breaks(recorded)
        sent.append(recorded.position)

    projector = Projector(filled(5), [reactor, journal()])
    for _ in range(2):
        with pytest.raises(ProjectionFailed) as caught:
            projector.catch_up()
    assert (caught.value.name, caught.value.position) == ("mailer", 3) and sent == [1, 2]
    assert breaks.calls == [1, 2, 3, 3], "once in each call, though the others take two rounds"
    assert positions(projector) == [1, 2, 3, 4, 5]
    breaks.positions = ()
    projector.catch_up()
    assert sent == [1, 2, 3, 4, 5]


def test_a_rebuild_never_runs_a_reactor():
    sent = []
    projector = Projector(filled(3), [journal(), mailer(sent, from_start=True)])
    projector.catch_up()
    projector.rebuild("journal")
    assert sent == [1, 2, 3]
    for use in (projector.rebuild, projector.view, lambda name: next(projector.rebuilding(name))):
        with pytest.raises(InvalidUse, match="mailer is a reactor"):
            use("mailer")
    assert sent == [1, 2, 3]


def thanks(store):
    reactor = Reactor("thanks", from_start=True)

    @reactor.on("Paid")
    def thank(recorded):
        store.append("letters", recorded.event.caused("Thanked"))

    return reactor


def test_what_a_reactor_appends_is_handled_in_the_same_call_by_those_before_it():
    store = filled(3)
    projector = Projector(store, [journal(types=("Thanked",)), thanks(store)])
    projector.catch_up()
    assert positions(projector) == [4, 5, 6] and [lag.events for lag in projector.lag()] == [0, 0]


def test_a_follower_misses_nothing_that_its_own_reactor_appends():
    world = World(2)
    store = EventStore("store.db", world, node="shop")
    projector = Projector(store, [journal(types=("Thanked",)), thanks(store)])
    world.spawn(projector.follow())
    world.spawn(late(store), "shop")
    world.run()
    assert positions(projector) == [2] and projector.lag()[0].events == 0


def late(store):
    yield 5.0
    store.append("account-1", paid())


def test_an_append_of_a_reactor_does_not_start_a_second_run_of_it_inside_of_the_first(tmp_path):
    """A follower waits for `appended`; the events come from another process, and catch_up is called by hand."""
    env, sent = Real(), []
    store = EventStore(tmp_path / "store.db", env)
    reactor = Reactor("thanks", from_start=True)

    @reactor.on("Paid")
    def thank(recorded):
        sent.append(recorded.position)
        store.append("letters", recorded.event.caused("Thanked"))

    projector = Projector(store, [reactor])
    env.spawn(projector.follow())
    with EventStore(tmp_path / "store.db") as elsewhere:
        elsewhere.append("account-1", paid(3))
    projector.catch_up()
    assert sent == [1, 2, 3]


# ------------------------------------------------------------------------------------------------- several projectors


def test_two_projectors_on_one_database_share_the_work():
    store, db = filled(5), Database()
    first, second = (Projector(store, [journal()], db, batch=2) for _ in range(2))
    assert first.catch_up() == 5 and second.catch_up() == 0
    store.append("account-1", paid(2))
    assert second.catch_up() == 2 and first.catch_up() == 0
    assert positions(first) == positions(second) == [1, 2, 3, 4, 5, 6, 7]


@pytest.fixture
def on_files(folder):
    """A function that gives a projector of its own on the same two files, as another process would have it."""
    opened = []

    def another(*projections, **options):
        store, db = EventStore(folder / "store.db"), Database(folder / "views.db")
        opened.extend((store, db))
        return Projector(store, projections, db, **options)

    yield another
    for one in opened:
        one.close()


def meanwhile(monkeypatch, store, call, at=1, after=False):
    """Let `call()` happen at the `at`-th reading of this store: before the read, or between the read and its use."""
    read_all, count = store.read_all, 0

    def reading(*arguments, **options):
        nonlocal count
        count += 1
        if count != at:
            return read_all(*arguments, **options)
        if not after:
            call()
        events = list(read_all(*arguments, **options))
        if after:
            call()
        return iter(events)

    monkeypatch.setattr(store, "read_all", reading)


@pytest.mark.parametrize("batches", [(2, 2), (3, 2), (2, 3), (100, 1), (1, 100)])
@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_batch_that_another_process_has_done_meanwhile_is_not_done_again(on_files, monkeypatch, batches, at):
    first = on_files(journal(), batch=batches[0])
    second = on_files(journal(), batch=batches[1])
    first.store.append("account-1", paid(6))
    meanwhile(monkeypatch, first.store, second.catch_up, at, after=True)
    first.catch_up()
    assert positions(first) == [1, 2, 3, 4, 5, 6] and first.checkpoint("journal") == 6


def test_a_reactor_in_two_processes_moves_its_checkpoint_only_forward(on_files):
    sent, other = [], []
    second = on_files(mailer(other, from_start=True))
    reactor = Reactor("mailer", from_start=True)

    @reactor.on("Paid")
    def send(recorded):
        sent.append(recorded.position)
        if recorded.position == 2:
            second.catch_up()

    first = on_files(reactor)
    first.store.append("account-1", paid(5))
    first.catch_up()
    assert (sent, other) == ([1, 2], [2, 3, 4, 5]), "the event at which both met, twice"
    assert first.checkpoint("mailer") == 5 and second.catch_up() == 0


@pytest.mark.parametrize("after", [False, True])
def test_old_code_writes_no_row_into_the_tables_of_new_code(on_files, monkeypatch, after):
    """A rolling deployment: the new version rebuilds and switches while the old one is in the middle of catching up,
    before or after it has read its second batch."""
    old, new = on_files(journal(1), batch=2), on_files(journal(2), batch=100)
    old.store.append("account-1", paid(6))
    meanwhile(monkeypatch, old.store, lambda: new.rebuild("journal"), at=2, after=after)
    with pytest.raises(NeedsRebuild):
        old.catch_up()
    assert new.view("journal").rows("SELECT * FROM {journal}") == [(position, 2) for position in range(1, 7)]


def test_old_code_that_waits_for_the_switch_to_end_sees_the_new_version(on_files, monkeypatch):
    """The rebuild has read its last batch, then event 7 is appended, and the old code has read that before the switch:
    its batch follows the checkpoint of the new tables without a gap."""
    old, new = on_files(journal(1)), on_files(journal(2))
    old.store.append("account-1", paid(6))
    old.catch_up()
    old.store.append("account-1", paid())
    read_all = new.store.read_all
    monkeypatch.setattr(new.store, "read_all", lambda after, limit: (
        recorded for recorded in read_all(after, limit) if recorded.position <= 6))
    meanwhile(monkeypatch, old.store, lambda: new.rebuild("journal"), after=True)
    with pytest.raises(NeedsRebuild):
        old.catch_up()
    assert new.view("journal").rows("SELECT * FROM {journal}") == [(position, 2) for position in range(1, 7)]
    monkeypatch.undo()
    assert new.catch_up() == 1 and positions(new) == [1, 2, 3, 4, 5, 6, 7]


def test_a_switch_takes_nobody_back_in_time(on_files, monkeypatch):
    """An event comes while the rebuild reads its last batch, and the live tables show it before the switch."""
    live, other = on_files(journal()), on_files(journal())
    live.store.append("account-1", paid(5))
    live.catch_up()
    seen = []

    def one_more():
        live.store.append("account-1", paid())
        live.db._connection.execute("PRAGMA busy_timeout = 0")
        try:
            live.catch_up()
        except Exception as error:  # the rebuild holds the lock: the live tables cannot run ahead of what it has read
            seen.append(type(error).__name__)

    meanwhile(monkeypatch, other.store, one_more, after=True)
    before = live.checkpoint("journal")
    other.rebuild("journal")
    assert seen == ["DatabaseBusy"] and live.checkpoint("journal") >= before
    live.catch_up()
    assert positions(live) == [1, 2, 3, 4, 5, 6]


def test_a_query_that_meets_the_switch_is_asked_again(on_files):
    """Another process drops the old tables after this one has looked which tables are in use."""
    reader, other = on_files(journal()), on_files(journal())
    reader.store.append("account-1", paid(3))
    reader.catch_up()
    view = reader.view("journal")
    for ask in (lambda: view.rows("SELECT position FROM {journal}") == [(1,), (2,), (3,)],
                lambda: view.value("SELECT count(*) FROM {journal}") == 3,
                lambda: list(view.frame("SELECT position FROM {journal}")["position"]) == [1, 2, 3]):
        look, switches = view._generation, []

        def look_and_be_late(look=look, switches=switches):
            generation = look()
            if not switches:
                switches.append(other.rebuild("journal"))
            return generation

        view._generation = look_and_be_late
        assert ask() and switches
        view._generation = look


def test_several_processes_handle_each_event_once(folder):
    """PROJ-1: three processes catch up on one database while a fourth appends."""
    store, views, end = folder / "store.db", folder / "views.db", 240
    with EventStore(store) as events:
        events.append("counter", paid(60, type="Counted"))
        children = [start(catch_up_beside_others, store, views, end, batch) for batch in (1, 5, 16)]
        for _, pipe in children:
            assert pipe.recv() == "ready"
        for _ in range((end - 60) // 4):
            events.append("counter", paid(4, type="Counted"))
        reacted = [pipe.recv() for _, pipe in children]
        for child, _ in children:
            child.join()
        with Database(views) as db:
            rows = Projector(events, [trail()], db).view("trail").rows("SELECT * FROM {trail}")
    assert rows == [(position, position, 1) for position in range(1, end + 1)]
    assert set().union(*reacted) == set(range(1, end + 1)), "a reactor misses none, and may see one twice"


# ------------------------------------------------------------------------------------------------------------ full text


def search_list():
    projection = Projection("search", "CREATE VIRTUAL TABLE {search} USING fts5(title, text, tokenize = 'porter')")

    @projection.on("Written")
    def written(view, recorded):
        view.execute("INSERT INTO {search} (rowid, title, text) VALUES (?, ?, ?)",
                     (recorded.position, recorded.event.data["title"], recorded.event.data["text"]))

    @projection.on("Withdrawn")
    def withdrawn(view, recorded):
        view.execute("DELETE FROM {search} WHERE title = ?", (recorded.event.data["title"],))

    return projection


def test_a_full_text_index_is_a_read_model_as_any_other():
    store = EventStore()
    texts = {"logs": "a log is read by many readers", "queues": "a queue is emptied", "sagas": "reading undone"}
    for title, text in texts.items():
        store.append("articles", Event(type="Written", data={"title": title, "text": text}))
    projector = Projector(store, [search_list()], batch=2)

    def found(words):
        return [title for (title,) in projector.view("search").rows(
            "SELECT title FROM {search} WHERE {search} MATCH ? ORDER BY rowid", (words,))]

    projector.catch_up()
    assert found("read") == ["logs", "sagas"] and found("queue OR undone") == ["queues", "sagas"]
    store.append("articles", Event(type="Withdrawn", data={"title": "sagas"}))
    projector.catch_up()
    assert found("read") == ["logs"]
    for _ in range(2):
        projector.rebuild("search")
        assert found("read") == ["logs"] and found("queue") == ["queues"] and found("undone") == []
    assert [name for name in tables(projector.db) if not name.startswith("search_3")] == ["evlab_projections"]


# ------------------------------------------------------------------------------------------------------------- waiting


def test_what_has_been_read_is_not_waited_for():
    store = filled(2)
    projector = Projector(store, [journal()])
    projector.catch_up()
    for position in (0, 1, 2, list(store.read_all())[1]):
        assert projector.wait_for(position).done and projector.wait_for(position).value is None
    assert not projector.wait_for(3).done


def test_who_waits_is_told_when_the_batch_is_in():
    store = filled(6)
    projector, told = Projector(store, [journal(handle=lambda recorded: told.append(recorded.position))], batch=2), []
    for position in (1, 4, 6, 7):
        projector.wait_for(position).then(lambda done, position=position: told.append(f"{position}"))
    projector.catch_up()
    assert told == [1, 2, "1", 3, 4, "4", 5, 6, "6"]
    [recorded] = store.append("account-1", paid())
    projector.catch_up()
    assert told[-2:] == [7, "7"] and projector.wait_for(recorded).done


def test_all_are_waited_for_or_the_one_that_is_named():
    breaks = Breaks(2)
    projector = Projector(filled(3), [journal(), journal(name="slow", table="slow", handle=breaks)])
    both, fast, slow = projector.wait_for(3), projector.wait_for(3, name="journal"), projector.wait_for(3, name="slow")
    with pytest.raises(ProjectionFailed):
        projector.catch_up()
    assert (both.done, fast.done, slow.done) == (False, True, False)
    breaks.positions = ()
    projector.catch_up()
    assert both.done and slow.done and both.value is None


def test_in_a_world_a_writer_reads_its_own_write_or_learns_that_it_cannot_yet():
    world = World(4)
    store = EventStore("store.db", world, node="shop")
    projector = Projector(store, [journal()])
    world.spawn(projector.follow(delay=2.0))
    seen = []

    def writer():
        [recorded] = store.append("account-1", paid())
        try:
            yield projector.wait_for(recorded, timeout=1.5)
        except Timeout as error:
            seen.append((world.now(), error.seconds, positions(projector)))
        yield projector.wait_for(recorded.position, timeout=1.5)
        seen.append((world.now(), positions(projector)))
        yield projector.wait_for(recorded.position, timeout=0.0)
        seen.append(world.now())
        yield 10.0

    done = world.spawn(writer(), "shop")
    world.run(until=done)
    assert seen == [(1.5, 1.5, []), (2.0, [1]), 2.0] and projector._waiting == []


def test_a_wait_that_is_over_leaves_no_timer_behind():
    world = World()
    store = filled(1, env=world)
    projector = Projector(store, [journal()])
    projector.wait_for(1, timeout=100.0)
    projector.catch_up()
    assert world.run().now() == 0.0


def test_a_timeout_says_what_to_do():
    world = World()
    projector = Projector(EventStore(env=world), [journal(), mailer([])])
    late = projector.wait_for(1, timeout=0.25)
    world.run()
    with pytest.raises(Timeout, match="journal and mailer did not reach position 1 in 0.25 s") as caught:
        assert late.value
    assert caught.value.retriable and "lag()" in caught.value.next_step
    projector.wait_for(0)
    assert projector._waiting == [], "nobody is kept waiting who has given up"


def test_work_that_another_projector_has_done_is_noticed(on_files):
    """At the next catch_up, though it reads nothing, and when the time is over at the latest."""
    here, elsewhere = on_files(journal()), on_files(journal())
    [recorded] = here.store.append("account-1", paid())
    waits, late = here.wait_for(recorded), here.wait_for(recorded, timeout=0.01)
    elsewhere.catch_up()
    assert not waits.done
    here.env.drive(lambda: late.done)
    assert late.value is None
    [recorded] = here.store.append("account-1", paid())
    waits = here.wait_for(recorded)
    elsewhere.catch_up()
    assert here.catch_up() == 0 and waits.done


def test_on_the_real_clock_a_wait_ends_by_itself():
    store = filled(1, env=Real())
    projector = Projector(store, [journal()])

    def writer():
        with pytest.raises(Timeout):
            yield projector.wait_for(1, timeout=0.01)
        waits = projector.wait_for(1, timeout=30)
        projector.catch_up()
        yield waits
        return "read"

    assert run(writer(), store.env) == "read"


def test_a_rebuild_tells_who_waits():
    projector = Projector(filled(3), [journal()])
    waits = projector.wait_for(3)
    projector.rebuild("journal")
    assert waits.done


# ------------------------------------------------------------------------------------------------------- lag, following


def test_lag_counts_events_and_the_seconds_of_the_oldest():
    world = World()
    store = EventStore("store.db", world, node="shop")
    projector = Projector(store, [journal(), mailer([])])

    def day():
        for _ in range(3):
            store.append("account-1", paid(2))
            yield 10.0
        projector._catch_up(projector.projections["journal"])
        yield 1.0

    assert [lag[1:] for lag in projector.lag()] == [(0, 0, 0, 0.0)] * 2
    done = world.spawn(day(), "shop")
    world.run(until=25.0)
    assert [lag for lag in projector.lag()] == [("journal", 0, 6, 6, pytest.approx(25.0)),
                                                ("mailer", 0, 6, 6, pytest.approx(25.0))]
    world.run(until=done)
    assert [lag[:4] for lag in projector.lag()] == [("journal", 6, 6, 0), ("mailer", 0, 6, 6)]
    assert [lag.seconds for lag in projector.lag()] == [0.0, pytest.approx(31.0)]


def test_lag_on_the_real_clock_is_never_below_zero():
    future = filled(1, env=Real())
    projector = Projector(future, [journal()])
    assert 0.0 <= projector.lag()[0].seconds < 3600
    projector.env.epoch = -(datetime.now(UTC) + timedelta(days=1)).timestamp()
    assert projector.lag()[0].seconds == 0.0


def timeline(follow, appends):
    """When which events were handled, if others append at these times."""
    world, handled = World(1), []
    store = EventStore("store.db", world, node="shop")
    projector = Projector(store, [journal(handle=lambda recorded: handled.append((world.now(), recorded.position)))])

    def writer():
        for at in appends:
            yield at - world.now()
            store.append("account-1", paid())

    world.spawn(follow(projector))
    world.spawn(writer(), "shop")
    world.run(until=20.0)
    return handled


def test_a_follower_handles_what_is_appended():
    assert timeline(lambda projector: projector.follow(), [1, 1, 2.5]) == [(1, 1), (1, 2), (2.5, 3)]


def test_a_busy_follower_is_late_by_its_delay_at_most_and_takes_what_has_gathered():
    assert timeline(lambda projector: projector.follow(delay=2.0), [1, 2, 2.9, 4, 9]) == [
        (3, 1), (3, 2), (3, 3), (6, 4), (11, 5)]


def test_a_follower_may_look_by_the_clock():
    assert timeline(lambda projector: projector.follow(every=3.0), [1, 2, 4, 6.5]) == [(3, 1), (3, 2), (6, 3), (9, 4)]
    assert timeline(lambda projector: projector.follow(every=3.0, delay=1.0), [1, 5]) == [(4, 1), (8, 2)]


def test_a_follower_begins_with_what_is_there():
    world = World()
    store = filled(2, env=world)
    projector = Projector(store, [journal()])
    world.spawn(projector.follow())
    world.run()
    assert positions(projector) == [1, 2]


def test_a_follower_ends_with_the_error_of_a_handler_once_the_others_have_caught_up():
    world = World()
    store = filled(3, env=world)
    projector = Projector(store, [journal(handle=Breaks(2)), journal(name="other", table="other")])
    ended = world.spawn(projector.follow())
    ended.then(lambda _: None)
    world.run()
    assert isinstance(ended.error, ProjectionFailed) and positions(projector, "other") == [1, 2, 3]


# ----------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("make", [
    lambda store: Projector(store, journal()),
    lambda store: Projector(store, [journal(), "journal"]),
    lambda store: Projector(store, [journal(), None]),
    lambda store: Projector(store, None),
    lambda store: Projector(store, 7),
    lambda store: Projector(None, [journal()]),
    lambda store: Projector("shop.db", [journal()]),
    lambda store: Projection("journal", None),
    lambda store: Projection("journal", 7),
    lambda store: Projector(store, [journal(), journal()]),
    lambda store: Projector(store, [journal(), Reactor("journal")]),
    lambda store: Projector(store, [journal(), journal(name="other")]),
    lambda store: Projector(store, [journal()], "views.db"),
    lambda store: Projector(store, [journal()], batch=0),
    lambda store: Projector(store, [journal()], batch=-1),
    lambda store: Projector(store, [journal()], batch="500"),
    lambda store: Projector(store, [journal()], batch=1.5),
    lambda store: Projector(store, [journal()], batch=None),
    lambda store: Projector(store, [journal()], batch=True),
])
def test_a_projector_that_cannot_work_is_refused(make):
    with pytest.raises(InvalidUse) as caught:
        make(EventStore())
    assert caught.value.what and caught.value.next_step


def test_two_projections_never_share_a_table_not_even_of_another_generation():
    store, db = filled(1), Database()
    Projector(store, [journal()], db).rebuild("journal")
    with pytest.raises(InvalidUse, match="other and journal both make a table journal"):
        Projector(store, [journal(name="other")], db)
    Projector(store, [journal(name="other", table="book")], db)
    with pytest.raises(InvalidUse, match="both make a table journal"):
        Projector(store, [journal(name="other", version=2)], db).rebuild("other")
    assert tables(db) == ["book_1", "evlab_projections", "journal_2"]


@pytest.mark.parametrize("use", [
    lambda projector: projector.view("jurnal"),
    lambda projector: projector.view(None),
    lambda projector: projector.view(["journal"]),
    lambda projector: projector.wait_for(1, name={"journal"}),
    lambda projector: projector.checkpoint("jurnal"),
    lambda projector: projector.rebuild("jurnal"),
    lambda projector: projector.wait_for(1, name="jurnal"),
    lambda projector: projector.wait_for("1"),
    lambda projector: projector.wait_for(None),
    lambda projector: projector.wait_for(1.0),
    lambda projector: projector.wait_for(True),
    lambda projector: projector.wait_for(-1),
    lambda projector: projector.wait_for(projector.store.append("account-1", paid())),
    lambda projector: projector.wait_for(1, timeout=-1),
    lambda projector: projector.wait_for(1, timeout="1"),
    lambda projector: projector.wait_for(1, timeout=None),
    lambda projector: next(projector.follow(every=0)),
    lambda projector: next(projector.follow(every=-1)),
    lambda projector: next(projector.follow(every="1")),
    lambda projector: next(projector.follow(delay=-1)),
    lambda projector: next(projector.follow(delay=None)),
])
def test_a_wrong_argument_is_refused_at_once(use):
    projector = Projector(EventStore(), [journal()])
    with pytest.raises(InvalidUse) as caught:
        use(projector)
    assert caught.value.what and projector._waiting == []


def test_the_database_knows_how_far_it_is_by_one_row_each(tmp_path):
    """What another program finds, with nothing but SQLite."""
    with Database(tmp_path / "views.db") as db:
        Projector(filled(3), [journal(4), mailer([])], db).catch_up()
    with sqlite3.connect(tmp_path / "views.db") as db:
        assert db.execute("SELECT name, version, generation, tables, checkpoint, building FROM evlab_projections"
                          " ORDER BY name").fetchall() == [("journal", 4, 1, "journal", 3, None),
                                                           ("mailer", 1, 1, "", 3, None)]
    db.close()
