"""The outbox and its relay: OUTBOX-1, answers that come late or never, several relays at once."""

from __future__ import annotations

import pytest
from delivery_child import add_and_roll_back, relay_beside_others
from projection_child import start as start_child
from store_files import fast_folder

from evlab import Bus, Database, Event, Faults, Later, Real, Timeout, World, run, sweep
from evlab.errors import EvlabError, InvalidEvent, InvalidUse
from evlab.inbox import Inbox
from evlab.log import Consumer, Log, Producer
from evlab.outbox import Outbox, Relay
from evlab.sim import Anomaly


def placed(number=1):
    return Event(type="OrderPlaced", data={"number": number}, source="shop")


class Shop:
    """Orders in a table, and an event of each in the outbox."""

    def __init__(self, path=":memory:", env=None, node=""):
        self.db = Database(path, env, node)
        self.db.execute("CREATE TABLE IF NOT EXISTS orders (number INTEGER)")
        self.outbox = Outbox(self.db)

    def place(self, *numbers):
        with self.db.transaction():
            for number in numbers:
                self.db.execute("INSERT INTO orders VALUES (?)", (number,))
                self.outbox.add(placed(number))

    @property
    def orders(self):
        return [number for number, in self.db.rows("SELECT number FROM orders ORDER BY number")]

    @property
    def waiting(self):
        return [pending.event.data["number"] for pending in self.outbox.waiting()]


class Taker:
    """The other side: it takes events, in order. refuses: numbers of orders that it does not take."""

    def __init__(self, *refuses):
        self.refuses, self.taken = set(refuses), []

    def __call__(self, event):
        if event.data["number"] in self.refuses:
            raise Timeout("no answer")
        self.taken.append(event.data["number"])


# ----------------------------------------------------------------------------------------------------------- OUTBOX-1


def orders_of(relay=Relay, batch=2, count=3):
    """A scenario: a shop places orders and rolls some back; a relay publishes to a broker, which keeps what it got."""
    def scenario(world):
        wrong = []

        def boot():
            shop = Shop("shop.db", world, "shop")
            world.spawn(relay(shop.outbox, lambda event: world.ask("broker", event), batch=batch, retry=0.3).follow())
            for number in range(count):
                if number in shop.orders:
                    continue
                try:
                    with shop.db.transaction():
                        shop.db.execute("INSERT INTO orders VALUES (?)", (number + 100,))
                        shop.outbox.add(placed(number + 100))
                        raise ValueError
                except ValueError:
                    pass
                with shop.db.transaction():
                    shop.db.execute("INSERT INTO orders VALUES (?)", (number,))
                    world.point("between the two writes")
                    shop.outbox.add(placed(number))
                    world.point("before the commit")
                world.point("after the commit")
                yield 0.05

        def broker():
            db = Database("broker.db", world, "broker")
            db.execute("CREATE TABLE IF NOT EXISTS heard (number INTEGER)")

            def hear(event):
                number = event.data["number"]
                db.execute("INSERT INTO heard VALUES (?)", (number,))
                there = Database("shop.db", world, "shop").value("SELECT 1 FROM orders WHERE number = ?", (number,))
                if there is None:
                    wrong.append(f"{number} was published, and there is no such order")

            world.listen("broker", hear)

        world.node("broker", broker)
        world.node("shop", boot)
        world.run(until=60)
        world.calm().run(until=120)
        shop = Shop("shop.db", world, "shop")
        heard = [number for number, in Database("broker.db", world, "broker").rows("SELECT number FROM heard")]
        if shop.orders != list(range(count)) or shop.waiting:
            wrong.append(f"orders {shop.orders}, and {shop.waiting} wait")
        if sorted(set(heard)) != shop.orders:
            wrong.append(f"orders {shop.orders}, and {heard} were published")
        firsts = list(dict.fromkeys(heard))
        if firsts != sorted(firsts) and (batch == 1 or not world.struck_by):
            wrong.append(f"published in the order {heard}")
        return [Anomaly("outbox", text) for text in wrong]

    return scenario


POINTS = {"between the two writes", "before the commit", "after the commit", "published", "struck out"}


@pytest.mark.parametrize("batch", [1, 2])
def test_change_and_event_are_both_there_or_neither_wherever_the_shop_crashes(batch):
    """OUTBOX-1: a crash at every point of write, relay and strike, and at all pairs of them."""
    sites = set()
    for trial in sweep(orders_of(batch=batch, count=2), pairs=True):
        assert trial.anomalies == [], trial.plan
        sites |= {fault.site for fault in trial.plan.faults}
    assert sites >= {f"shop@{point}" for point in POINTS} | {"broker@received", "broker@handled"}


def test_change_and_event_are_both_there_or_neither_whatever_the_network_does(amount):
    """OUTBOX-1: lost, doubled and late messages, crashes and cuts, from a seed."""
    struck = 0
    for seed in range(amount(150, 10_000)):
        world = World(seed, Faults(drop=0.2, duplicate=0.1, delay=0.1, crash=0.05, kill=0.05, pauses=1, cuts=1))
        assert orders_of()(world) == [], seed
        struck += len(world.struck_by)
    assert struck > 500


class StrikesFirst(Relay):
    """Strikes out, and then publishes."""

    def _publish(self, pending):
        self.outbox.strike(pending[-1].number)
        self.env.point("struck too early")
        return (yield from super()._publish(pending))


class NeverStrikes(Relay):
    """Publishes, and forgets to strike out: never comes to rest."""

    def drain(self):
        yield from self._publish(self.outbox.waiting(self.batch))


class Impatient(Relay):
    """Does not wait for the answers."""

    def _publish(self, pending):
        for _, event in pending:
            self.publish(event)
        return len(pending), None
        yield


class Backwards(Relay):
    """Publishes the newest first."""

    def _publish(self, pending):
        return (yield from super()._publish(pending[::-1]))


@pytest.mark.parametrize("relay", [StrikesFirst, NeverStrikes, Impatient, Backwards])
def test_a_wrong_relay_is_found(relay):
    trials = (trial.anomalies for trial in sweep(orders_of(relay, count=2)))
    assert any(trials) or any(orders_of(relay, count=2)(World(seed, Faults(drop=0.3))) for seed in range(50))


def test_a_relay_on_the_real_clock_sees_nothing_of_an_open_transaction():
    """OUTBOX-1: `added` wakes the relay while the transaction is open; what is rolled back is never published."""
    env, taker = Real(), Taker()
    shop = Shop(env=env)
    relay = Relay(shop.outbox, taker)
    relay.retry = "it never has to"
    env.spawn(relay.follow())
    with pytest.raises(ValueError), shop.db.transaction():
        shop.outbox.add(placed(1))
        assert taker.taken == []
        raise ValueError
    env.drive()
    assert taker.taken == []
    shop.place(2)
    env.drive()
    assert taker.taken == [2] and len(shop.outbox) == 0


def test_a_drain_inside_of_a_transaction_is_refused():
    """OUTBOX-1: what it published could still be rolled back."""
    shop, taker = Shop(), Taker()
    with pytest.raises(InvalidUse, match="inside of a transaction"), shop.db.transaction():
        shop.outbox.add(placed(1))
        run(Relay(shop.outbox, taker).drain())
    assert taker.taken == [] == shop.waiting


@pytest.fixture
def folder():
    with fast_folder() as folder:
        yield folder


def test_two_relays_in_two_processes_lose_nothing_and_invent_nothing(folder):
    """OUTBOX-1: two processes add and roll back, two others publish."""
    writers = [start_child(add_and_roll_back, folder / "shop.db", 150) for _ in range(2)]
    relays = [start_child(relay_beside_others, folder / "shop.db", batch, 1.5) for batch in (7, 20)]
    for _, pipe in (*writers, *relays):
        assert pipe.poll(60) and pipe.recv() == "ready"
    for _, pipe in writers:
        assert pipe.poll(60) and pipe.recv() == "done"
    published = [pipe.recv() for _, pipe in relays if pipe.poll(60)]
    for child, _ in (*writers, *relays):
        child.join(20)
        assert child.exitcode == 0
    kept = [number for number in range(150) if number % 3 != 2]
    with Database(folder / "shop.db") as db:
        left = [pending.event.data["number"] for pending in Outbox(db).waiting()]
    assert sorted({*published[0], *published[1], *left}) == kept
    assert len(published[0]) + len(published[1]) + len(left) >= 2 * len(kept)


# ------------------------------------------------------------------------------------------------------------- in use


@pytest.mark.parametrize("batch", [1, 2, 3, 100])
def test_events_are_published_in_the_order_of_their_transactions(batch):
    shop, taker = Shop(), Taker()
    shop.place(3, 1)
    shop.place(2)
    assert [pending.number for pending in shop.outbox.waiting()] == [1, 2, 3] and shop.waiting == [3, 1, 2]
    relay = Relay(shop.outbox, taker, batch=batch)
    assert run(relay.drain()) == 3 and taker.taken == [3, 1, 2]
    assert (len(shop.outbox), relay.published, relay.failures, relay.error) == (0, 3, 0, None)
    assert repr(shop.outbox) == "Outbox(0 waiting)"


def test_an_event_comes_out_as_it_went_in():
    shop, found = Shop(), []
    event = placed(1).caused("OrderPaid", {"text": "3 € — naïve"}, key="order-1", source="shop")
    with shop.db.transaction():
        shop.outbox.add(event)
    run(Relay(shop.outbox, found.append).drain())
    assert found == [event]


def test_numbers_go_on_after_the_table_was_emptied_and_a_rolled_back_one_is_used_again():
    shop = Shop()
    shop.place(1)
    run(Relay(shop.outbox, Taker()).drain())
    with pytest.raises(ValueError), shop.db.transaction():
        shop.outbox.add(placed(2))
        raise ValueError
    shop.place(3)
    assert [pending.number for pending in shop.outbox.waiting()] == [2]


def test_what_was_accepted_before_a_refusal_is_struck_out_and_the_rest_waits():
    shop, taker = Shop(), Taker(3)
    shop.place(1, 2, 3, 4)
    relay = Relay(shop.outbox, taker)
    with pytest.raises(Timeout):
        run(relay.drain())
    assert (taker.taken, shop.waiting, relay.published, relay.failures) == ([1, 2], [3, 4], 2, 1)
    assert isinstance(relay.error, Timeout)
    taker.refuses.clear()
    assert run(relay.drain()) == 2 and taker.taken == [1, 2, 3, 4] and relay.error is None


def test_an_error_of_somebody_elses_ends_it_and_nothing_is_published_twice():
    """A client that raises what is no EvlabError: the events before it are struck out all the same."""
    shop, taken = Shop(), []

    def publish(event):
        if event.data["number"] == 2:
            raise ConnectionError("gone")
        taken.append(event.data["number"])

    shop.place(1, 2)
    with pytest.raises(ConnectionError):
        run(Relay(shop.outbox, publish).follow())
    assert taken == [1] and shop.waiting == [2]


@pytest.mark.parametrize("text", [
    "", "{}", "[1]", '{"type": 5}', placed().to_json().decode()[:-1],
    placed().to_json().decode().replace('"number":1', '"number":NaN')])
def test_a_row_of_another_program_that_is_no_event_stops_what_is_behind_it_and_is_named(text):
    world, taker = World(), Taker()
    shop = Shop(env=world)
    relay = Relay(shop.outbox, taker, retry=1.0)
    shop.place(1, 2)
    shop.db.execute("INSERT INTO outbox (event) VALUES (?)", (text,))
    shop.place(4)
    world.spawn(relay.follow())
    world.run(until=2.5)
    assert taker.taken == [1, 2] and len(shop.outbox) == 2 and relay.published == 2
    assert relay.failures == 3 and isinstance(relay.error, InvalidEvent)
    assert "row 3 of the outbox is no event" in str(relay.error)
    with pytest.raises(InvalidEvent, match="row 3 of the outbox"):
        shop.outbox.waiting()
    shop.db.execute("DELETE FROM outbox WHERE number = 3")
    world.run(until=5)
    assert taker.taken == [1, 2, 4] and relay.error is None and len(shop.outbox) == 0


@pytest.mark.parametrize("fails", range(4))
def test_a_later_that_fails_stops_at_its_event(fails):
    shop, laters = Shop(), []
    shop.place(0, 1, 2, 3)

    def publish(event):
        laters.append(Later())
        return laters[-1]

    env = Real()
    drained = env.spawn(Relay(shop.outbox, publish).drain()).then(lambda _: None)
    for number, later in reversed(list(enumerate(laters))):
        later.fail(Timeout("no answer")) if number == fails else later.resolve()
        assert drained.done is (number == 0)
    assert shop.waiting == list(range(fails, 4)) and isinstance(drained.error, Timeout)


def test_an_event_is_struck_out_when_the_other_side_has_it_and_no_sooner():
    shop, later = Shop(), Later()
    shop.place(1)
    drained = Real().spawn(Relay(shop.outbox, lambda event: later).drain())
    assert shop.waiting == [1] and not drained.done
    later.resolve()
    assert shop.waiting == [] and drained.value == 1


def test_events_without_an_answer_of_their_own_wait_for_the_flush():
    shop, flushed = Shop(), [Later(), Later.of()]
    shop.place(1, 2)
    relay = Relay(shop.outbox, lambda event: None, flush=lambda: flushed.pop(0))
    first = flushed[0]
    drained = Real().spawn(relay.drain()).then(lambda _: None)
    assert shop.waiting == [1, 2]
    first.fail(Timeout("the disk of the other side"))
    assert shop.waiting == [1, 2] and isinstance(drained.error, Timeout)
    assert run(relay.drain()) == 2


def test_a_flush_that_raises_strikes_nothing_out():
    shop = Shop()
    shop.place(1)

    def refuse():
        raise Timeout("no answer")

    with pytest.raises(Timeout):
        run(Relay(shop.outbox, lambda event: None, flush=refuse).drain())
    assert shop.waiting == [1]


def test_after_a_refusal_what_was_gathered_is_flushed_all_the_same():
    """Without that the drain would wait for ever for what nobody sends."""
    shop, sent = Shop(), []
    shop.place(1, 2)

    def publish(event):
        if event.data["number"] == 2:
            raise Timeout("no answer")
        sent.append(Later())
        return sent[-1]

    with pytest.raises(Timeout):
        run(Relay(shop.outbox, publish, flush=lambda: [later.resolve() for later in sent]).drain())
    assert shop.waiting == [2]


def test_a_relay_into_a_log(folder):
    log = Log(folder / "log")
    log.create_topic("orders", 1)
    producer = Producer(log, linger=60.0)
    shop = Shop()
    shop.place(*range(250))
    publish = Relay(shop.outbox, lambda event: producer.send("orders", event), flush=producer.flush)
    assert run(publish.drain()) == 250 and len(shop.outbox) == 0
    with Consumer(log, "readers", ["orders"], reset="earliest") as consumer:
        records = consumer.poll(max_records=1000, timeout=5)
    assert [Event.from_json(record.value).data["number"] for record in records] == list(range(250))


def test_a_follower_tries_again_and_keeps_the_order():
    world, taker = World(), Taker(2)
    shop = Shop(env=world)
    relay = Relay(shop.outbox, taker, retry=1.0)
    world.spawn(relay.follow())
    world.after(0.5, lambda: shop.place(1, 2, 3))
    world.after(3.7, taker.refuses.clear)
    world.run(until=3.6)
    assert taker.taken == [1] and relay.failures == 4 and len(shop.outbox) == 2
    world.run(until=10)
    assert taker.taken == [1, 2, 3] and len(shop.outbox) == 0


def test_a_follower_may_look_by_the_clock_for_what_others_add():
    world, taker = World(), Taker()
    shop, other = Shop("shop.db", world, "shop"), Shop("shop.db", world, "shop")
    world.spawn(Relay(shop.outbox, taker).follow(every=1.0), "shop")
    world.after(0.5, lambda: other.place(1))
    world.run(until=0.9)
    assert taker.taken == []
    world.run(until=2)
    assert taker.taken == [1]


def test_a_doubled_event_has_its_effect_once_with_an_inbox():
    """The relay crashes between publishing and striking out: what an inbox is for."""
    world, effects = World(), []
    bus = Bus(world)
    inbox = Inbox(Database(env=world), "mail")
    bus.subscribe("#", lambda event: inbox.run(event, lambda: effects.append(event.data["number"])), name="mail")
    shop = Shop(env=world)
    shop.place(1)
    (pending,) = shop.outbox.waiting()
    bus.publish(pending.event)
    world.spawn(Relay(shop.outbox, bus.publish).drain())
    world.run()
    assert effects == [1] and inbox.duplicates == 1


# ---------------------------------------------------------------------------------------------------------- bad input


def test_an_event_outside_of_a_transaction_is_refused():
    shop = Shop()
    with pytest.raises(InvalidUse, match="stands outside of a transaction"):
        shop.outbox.add(placed())
    assert len(shop.outbox) == 0


def test_of_a_call_with_something_wrong_nothing_is_added():
    shop = Shop()
    with shop.db.transaction(), pytest.raises(InvalidUse, match="is not an Event"):
        shop.outbox.add(placed(), {"type": "OrderPlaced"})
    assert len(shop.outbox) == 0


@pytest.mark.parametrize("make, text", [
    (lambda: Outbox("shop.db"), "is no Database"), (lambda: Relay(Database(), list), "needs an Outbox"),
    (lambda: Relay(Outbox(Database()), "bus"), "needs an Outbox and something to call"),
    (lambda: Relay(Outbox(Database()), list, flush=5), "something to call"),
    *[(lambda batch=batch: Relay(Outbox(Database()), list, batch=batch), "no number of events")
      for batch in (0, -1, True, 1.5, "2")],
    (lambda: Relay(Outbox(Database()), list, retry=-1), "no time to wait for"),
    (lambda: Outbox(Database()).waiting(-1), "is no number of events"),
    (lambda: Outbox(Database()).strike("all"), "is no number of events"),
    (lambda: run(Relay(Outbox(Database()), list).follow(every=0)), "never comes to rest"),
    (lambda: run(Relay(Outbox(Database()), list).follow(every="1 s")), "no time to wait for")])
def test_what_cannot_work_is_refused(make, text):
    with pytest.raises(InvalidUse, match=text):
        make()


def test_a_publish_that_yields_is_refused_and_nothing_is_lost():
    shop = Shop()
    shop.place(1)

    def publish(event):
        yield 1.0

    with pytest.raises(EvlabError, match="yields, and nobody would run it"):
        run(Relay(shop.outbox, publish).drain())
    assert shop.waiting == [1]
