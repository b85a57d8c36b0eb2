"""SIM-2: what the simulator claims to try, it does try."""

from __future__ import annotations

from collections import Counter
from itertools import count

from evlab import Event, Timeout, World
from evlab.bus import Bus, Retry
from evlab.sim import Faults

STORM = Faults(drop=0.05, duplicate=0.05, delay=0.08, crash=0.03, kill=0.02, cuts=2, pauses=2, crashes=2, span=4,
               down=0.4, late=1.0, long=1.5)

RARE = {
    "a crash while a message is on its way to the node",
    "a crash between handled and ack",
    "a crash between received and handled",
    "a crash of a node that handles two messages at once",
    "a second crash within a second of the restart",
    "a crash in the recovery",
    "a kill, which leaves the disk as it was",
    "a power loss that takes all of what was not synced",
    "a power loss that tears a file in the middle",
    "a power loss that leaves a hole",
    "a power loss that brings back what was truncated",
    "a restart whose boot reads what was synced before",
    "a message lost on the way",
    "an ack lost on the way",
    "a message lost because its target is down",
    "a message lost because its target is starting",
    "a one-way cut during an ask",
    "an ask that was handled though it timed out",
    "a late answer after the timeout",
    "an answer to an earlier life",
    "a delayed message overtaken by a later one",
    "a duplicate after the ack",
    "a duplicate delivered to the next life",
    "a pause longer than a timeout",
    "messages that wait for a paused node",
    "a crash that ends a pause",
    "two due at one instant, this one first",
    "two due at one instant, that one first",
    "a retry of the bus after a lost ack",
    "a dead letter of the bus",
    "a crash while a link is cut",
    "everything drained after the faults",
}


def service(world: World) -> None:
    """An email service with a disk, which takes time over some messages, and notices what befalls it."""
    busy, lives = [0], [0]

    def boot():
        lives[0] += 1
        files = world.files("email")
        if lives[0] > 1:
            yield 0.05
            world.point("recovery")
            world.sometimes("a restart whose boot reads what was synced before", bool(files.open("kept").read()))
            look_at(files.open("draft").read())
        draft, kept = files.open("draft"), files.open("kept")
        kept.append(b"x")
        kept.sync()
        draft.truncate(0)
        draft.sync()
        draft.append(b"\1" * 1024)
        draft.sync()
        draft.truncate(512)
        draft.append(b"\2" * 1536)
        busy[0] = 0
        world.listen("email", handle)

    def look_at(draft):
        world.sometimes("a power loss that takes all of what was not synced", len(draft) == 512)
        world.sometimes("a power loss that tears a file in the middle", len(draft) % 512 != 0)
        world.sometimes("a power loss that leaves a hole", b"\0" in draft and b"\2" in draft)
        world.sometimes("a power loss that brings back what was truncated", draft == b"\1" * 1024)

    def handle(number):
        world.history.did("handle", number)
        return slowly(number) if number % 3 == 0 else f"done {number}"

    def slowly(number):
        busy[0] += 1
        world.point("two at once" if busy[0] > 1 else "one")
        yield 0.1
        busy[0] -= 1
        return f"done {number}"

    world.node("email", boot)


def client(world: World) -> None:
    """A shop that asks, two questions at a time, and notes which were not answered in time."""
    numbers = count(1)

    def boot():
        for start in (0.0, 0.05):
            world.spawn(work(start))

    def work(start):
        yield start
        for _ in range(14):
            number = next(numbers)
            answer = world.ask("email", number, timeout=0.3)
            world.send("log", number)
            try:
                yield answer
            except Timeout:
                world.history.did("timeout", number)
            yield 0.15

    world.listen("log", lambda number: None)
    world.node("shop", boot)


def tie(world: World) -> None:
    order = []

    def one(name):
        yield 1.0
        order.append(name)
        if len(order) == 1:
            world.sometimes(f"two due at one instant, {name} one first")

    for name in ("this", "that"):
        world.spawn(one(name), "clock")


def bus(world: World) -> None:
    tried, failing = Counter(), world.random("failing")
    here = Bus(world, ack_timeout=0.3)

    def handle(event):
        tried[event.key] += 1
        if failing.random() < 0.3:
            raise ConnectionError("the printer is out of paper")

    def publish():
        for number in range(5):
            here.publish(Event(type="OrderPlaced", source="web", key=f"order-{number}"))
            yield 0.2

    here.subscribe("order.placed", handle, name="printer", retry=Retry(attempts=2, first=0.1))
    world.spawn(publish(), "web")
    world.after(19, lambda: world.sometimes("a retry of the bus after a lost ack",
                                            any(e.kind == "drop" and e.node == "printer" for e in world.history)
                                            and any(count > 1 for count in tried.values())))
    world.after(19, lambda: world.sometimes("a dead letter of the bus", bool(here.dead_letters)))


class Look:
    """What only the history can tell."""

    def __init__(self, world: World):
        self.world, self.entries = world, world.history.entries
        self.sends = self.kind("send")
        self.crashes = self.kind("crash", "kill")
        self.drops = self.kind("drop")
        self.timeouts = [e for e in self.kind("invoke") if e.what == "timeout"]
        self.cuts = [(e.what, e.time, self.healed(e)) for e in self.kind("cut")]
        self.pauses = [(e.node, e.time, e.time + e.value) for e in self.kind("pause")]
        self.arrivals = {}
        for e in self.kind("deliver"):
            self.arrivals.setdefault(e.pair, []).append(e)

    def kind(self, *kinds):
        return [e for e in self.entries if e.kind in kinds]

    def healed(self, cut):
        return next((e.time for e in self.entries[cut.number:] if e.kind == "heal" and e.what == cut.what), 99.0)

    def arrived(self, send):
        return [e.time for e in self.arrivals.get(send.number, ())]

    def question(self, answer):
        """The send that this answer answers: back to the message that was being handled."""
        entry = answer
        while entry.kind != "deliver":
            if entry.cause is None:
                return None
            entry = self.world.history[entry.cause]
        return self.world.history[entry.pair]

    def answers(self):
        """Pairs of a question and its answer, between shop and email."""
        pairs = [(self.question(e), e) for e in self.sends if (e.node, e.peer) == ("email", "shop")]
        return [(question, answer) for question, answer in pairs if question is not None]

    def died(self, node, since, until):
        return any(c.node == node and since < c.time < until for c in self.crashes)

    def crashed_at(self, point):
        return any(c.what == f"at point {point!r}" for c in self.crashes)

    def dropped(self, reason, **where):
        return any(e.value == reason and all(getattr(e, k) == v for k, v in where.items()) for e in self.drops)

    def tell(self):
        """Each condition that is looked for in the history, and whether it is true."""
        yield "a crash between handled and ack", self.crashed_at("handled")
        yield "a crash between received and handled", self.crashed_at("received")
        yield "a crash of a node that handles two messages at once", self.crashed_at("two at once")
        yield "a crash in the recovery", self.crashed_at("recovery")
        yield "a message lost on the way", self.dropped("lost on the way", node="shop")
        yield "an ack lost on the way", self.dropped("lost on the way", node="email", peer="shop")
        yield "a message lost because its target is down", self.dropped("email is down")
        yield "a message lost because its target is starting", self.dropped("email is starting")
        yield "a crash while a message is on its way to the node", any(
            self.died(send.peer, send.time, time) for send in self.sends for time in self.arrived(send))
        yield "a kill, which leaves the disk as it was", any(
            c.kind == "kill" and not any(e.kind == "lost" and e.cause == c.number for e in self.entries)
            for c in self.crashes)
        yield "a second crash within a second of the restart", any(
            self.died(up.node, up.time, up.time + 1) for up in self.kind("restart"))
        yield "a one-way cut during an ask", any(
            f"{question.peer}→{question.node}" == link and since < answer.time < until and not self.arrived(answer)
            for question, answer in self.answers() for link, since, until in self.cuts)
        yield "an ask that was handled though it timed out", any(
            e.what == "handle" and e.value == t.value and t.time - 0.3 < e.time < t.time
            for t in self.timeouts for e in self.kind("invoke"))
        yield "a late answer after the timeout", any(
            question.what == str(t.value) and t.time < time and not self.died("shop", question.time, time)
            for question, answer in self.answers() for time in self.arrived(answer) for t in self.timeouts)
        yield "an answer to an earlier life", any(
            self.died("shop", question.time, time)
            for question, answer in self.answers() for time in self.arrived(answer))
        yield "a delayed message overtaken by a later one", any(
            (other.node, other.peer) == (e.node, e.peer) and other.number > e.pair and early < late
            for e in self.kind("delay") for late in self.arrived(self.world.history[e.pair])
            for other in self.sends for early in self.arrived(other))
        doubled = [(send, self.arrived(send)) for e in self.kind("duplicate") for send in [self.world.history[e.pair]]]
        yield "a duplicate after the ack", any(
            question.number == send.number and min(self.arrived(answer)) < max(times)
            for send, times in doubled if len(times) == 2
            for question, answer in self.answers() if self.arrived(answer))
        yield "a duplicate delivered to the next life", any(
            self.died(send.peer, *times) for send, times in doubled if len(times) == 2)
        yield "a pause longer than a timeout", any(
            node == "email" and since < t.time - 0.3 and t.time < until
            for node, since, until in self.pauses for t in self.timeouts)
        yield "messages that wait for a paused node", any(
            sum(e.node == node and abs(e.time - until) < 1e-9 for e in self.kind("deliver")) > 1
            for node, since, until in self.pauses)
        yield "a crash that ends a pause", any(self.died(*pause) for pause in self.pauses)
        yield "a crash while a link is cut", any(
            since < c.time < until for _, since, until in self.cuts for c in self.crashes)
        yield "everything drained after the faults", all(
            self.arrived(send) or any(e.pair == send.number for e in self.drops) for send in self.sends)


def test_every_rare_thing_is_reached(amount):
    """SIM-2: named conditions, each of them true in some of the seeds."""
    reached = Counter()
    seeds = amount(200, 2000)
    for seed in range(seeds):
        world = World(seed, STORM)
        for part in (service, client, tie, bus):
            part(world)
        world.run(until=15)
        world.calm()
        world.run(until=40)
        for name, condition in Look(world).tell():
            world.sometimes(name, condition)
        reached.update({name: count > 0 for name, count in world.reached.items()})
    table = "\n".join(f"{reached[name]:5} of {seeds} seeds: {name}" for name in sorted(RARE, key=lambda n: reached[n]))
    print(table)
    assert set(reached) == RARE, f"named and not looked for, or the other way: {set(reached) ^ RARE}"
    assert all(reached[name] for name in RARE), f"never reached:\n{table}"
