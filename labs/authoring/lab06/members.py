"""A group at work: evlab's log in the case's World, and the answer as its members.

Each member stands on a node of its own, with a real `Consumer` behind the port that the answer gets. What the answer
does is noted here, in the history and as facts; checks.py says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any, NamedTuple

from evlab.course.judge import AnswerRaised, Case, Object, Port
from evlab.course.judge.actor import AnswerBroke, WrongCall
from evlab.errors import EvlabError
from evlab.log import Consumer, Log, Producer

TOPIC, GROUP = "orders", "shipping"
WORK = 0.1
"""Seconds for one record."""
BACK = 1.0
"""Seconds until a process that has died is started again."""
Place = tuple[int, int]
"""Partition and offset."""


class Done(NamedTuple):
    """A record that was handled, or that could not be."""

    entry: int
    """Where the history says that it began."""
    node: str
    place: Place
    key: str
    fine: bool
    owned: bool
    """Whether the member still had the partition when it began."""
    poll: int
    """The number of the poll of this life that came before."""
    time: float


class Asked(NamedTuple):
    """A commit that the answer asked for."""

    entry: int
    node: str
    offsets: dict[int, int]
    taken: bool
    revoking: bool
    """It was made while partitions went."""
    done: int
    """How many records this member had done by then."""


class Group:
    """Members of one group, and what they did. `start(actor, ports...)` is a process: one life of a member.

    keys: of each partition the keys of its records, in order; more may come by `later`.
    crash_at: the number of the moment at which a member is killed, 0 for never. A moment is before and after each call
    that the answer makes. fails(place, times): whether that record fails when it is tried for the so many-th time.
    """

    def __init__(self, case: Case, start: Callable[..., Generator], keys: list[list[str]], *, batch: int = 10,
                 crash_at: int = 0, fails: Callable[[Place, int], bool] = lambda place, times: False,
                 slow: dict[Place, float] | None = None, max_poll_interval: float = 300.0, topic: str = TOPIC):
        self.case, self.world, self.start = case, case.world, start
        self.batch, self.crash_at, self.fails, self.slow = batch, crash_at, fails, dict(slow or {})
        self.max_poll_interval, self.topic = max_poll_interval, topic
        self.moments, self.stopping, self.most_deaths = 0, False, 2
        self.records: dict[Place, Port] = {}
        self.done: list[Done] = []
        self.commits: list[Asked] = []
        self.aside: list[tuple[int, Place, str]] = []
        """(entry, place, key) of what was set aside, once that was safe."""
        self.tries: dict[Place, int] = {}
        """How often each record was tried in this life of its member."""
        self.deaths: list[tuple[str, AnswerRaised]] = []
        self.ended: list[str] = []
        """Members whose process came to its end by itself."""
        self.struck = False
        """A freeze or a crash has struck."""
        self.froze: dict[Place, float] = {}
        """Where a member is frozen while it is at that record, and for how long."""
        self._born: set[str] = set()
        self._ends: list[int] = []
        """Entries that say of a process which has ended by itself that it was killed."""
        self.error: type[Exception] = ValueError
        """What a failing record raises."""
        self.refused_often: Callable[[list[int]], None] | None = None
        """Called with the entries of refused commits, if there are five of them between two polls."""
        self.looks = 1
        """How often a poll that waits looks again in its second."""
        self.waiting = 0
        """How many more times records will come."""
        self.ends = [0] * len(keys)
        self.log = Log(env=self.world)
        self.log.create_topic(topic, len(keys))
        self.log.create_topic(f"{topic}.aside", 1)
        self.producer = Producer(self.log.client())
        self.send(keys)

    # --------------------------------------------------------------------------------------------- what happens

    def send(self, keys: list[list[str]]) -> None:
        """Write records: of each partition the keys, in order."""
        for number, names in enumerate(keys):
            for key in names:
                self.producer.send(self.topic, b"", key=key, partition=number)
                place = number, self.ends[number]
                self.records[place] = Port(f"record {said(place)} of {key}", topic=self.topic, partition=number,
                                           offset=place[1], key=key, value="")
                self.ends[number] += 1

    def later(self, time: float, keys: list[list[str]]) -> None:
        """Write these at that time."""
        self.waiting += 1

        def come() -> None:
            self.waiting -= 1
            self.send(keys)

        self.world.after(time, come)

    def join(self, node: str, time: float = 0.0) -> None:
        """A member comes at that time."""
        self.world.after(time, lambda: self.world.boot(node, lambda: self._life(node)))

    def kill(self, node: str, time: float) -> None:
        """A member dies at that time, for good."""
        self.world.after(time, lambda: self.world.crash(node, power=False))

    def run(self, seconds: float, *, settled: bool = True) -> None:
        """Let it work for so long; with `settled`, until all is done and committed, or longer is of no use."""
        end = self.world.now() + seconds
        quiet = 0
        while self.world.now() < end and quiet < 3 and not self.broken:
            self.case.run(1.0)
            quiet = quiet + 1 if settled and not self.waiting and self.all_done and self.behind == {} else 0
        self.stop()

    @property
    def broken(self) -> bool:
        """Whether there is nothing more to wait for: it dies again and again, or has returned."""
        return len(self.deaths) > self.most_deaths or bool(self.ended)

    def stop(self) -> None:
        """End every member at its next call, so that what it has printed can be asked for."""
        self.stopping = True
        with suppress(AnswerBroke):  # it stops for nothing; what it did before is what counts
            self.case.run(2.5)
        self._shorten()

    # --------------------------------------------------------------------------------------------- what came of it

    @property
    def handled(self) -> list[Done]:
        """What was done, in order, without failures."""
        return [one for one in self.done if one.fine]

    @property
    def all_done(self) -> bool:
        known = {one.place for one in self.handled} | {place for _, place, _ in self.aside}
        return known >= set(self.records)

    @property
    def committed(self) -> dict[int, int]:
        """The next offset to read by partition, where there is one."""
        rows = self.log.lag(GROUP)
        return {row.partition: row.committed for row in rows if row.topic == self.topic and row.committed is not None}

    @property
    def behind(self) -> dict[int, int]:
        """What is not committed up to its end, by partition."""
        committed = self.committed
        return {number: committed.get(number, 0) for number, end in enumerate(self.ends)
                if committed.get(number, 0) != end}

    def entries_of(self, place: Place) -> list[int]:
        """Where the history speaks of a record."""
        return [one.entry for one in self.done if one.place == place]

    # --------------------------------------------------------------------------------------------- a member's life

    def _life(self, node: str) -> Generator:
        actor = self.case.actor(node, fresh=node in self._born)
        self._born.add(node)
        me = _Member(self, node, actor)
        try:
            yield from self.start(actor, me)
        except AnswerRaised as error:
            if self.stopping:
                return
            self.case.history.note(f"the process ends with {error.type}: {error.text}"[:130], node=node)
            self.deaths.append((node, error))
            self._ends.append(len(self.case.history))
            self.world.crash(node, power=False, down=BACK)
        else:
            if not self.stopping:
                self.ended.append(node)
                self.case.history.note("your function has returned: the process ends", node=node)

    def moment(self, node: str) -> None:
        """A crash may strike here."""
        self.moments += 1
        if self.moments == self.crash_at:
            self.struck = True
            self.world.crash(node, power=False, down=BACK)

    def _shorten(self) -> None:
        """Of the history, keep what the members did and suffered: the log's own messages are hundreds."""
        history = self.case.history
        kept = [entry for entry in history.entries if entry.kind not in ("send", "deliver")
                and entry.number not in self._ends
                and not entry.node.startswith("broker") and not entry.what.startswith("raises Answer")]
        numbers = {entry.number: number for number, entry in enumerate(kept)}
        history.entries[:] = [
            entry._replace(number=number, cause=None, pair=numbers.get(entry.pair))
            for number, entry in enumerate(kept)]
        history.cause = None
        self.done = [one._replace(entry=numbers[one.entry]) for one in self.done]
        self.commits = [one._replace(entry=numbers[one.entry]) for one in self.commits]
        self.aside = [(numbers[entry], place, key) for entry, place, key in self.aside]


class _Member:
    """One life of a member: its consumer, and the ports that the answer gets."""

    def __init__(self, group: Group, node: str, actor: Any):
        self.group, self.node, self.actor = group, node, actor
        self.case, self.history, self.world = group.case, group.case.history, group.world
        self.worker: Object | None = None
        """Whose `revoked` is called, if the answer has one."""
        self.revoking, self.polls = False, 0
        self.refused = 0
        """Commits that were refused since the last poll."""
        group.tries = {}
        self.consumer = Consumer(group.log.client(node), GROUP, group.topic, session_timeout=3.0,
                                 heartbeat_interval=1.0, max_poll_interval=group.max_poll_interval,
                                 on_revoked=self._revoked)
        self.port = Port("consumer", verbs={"poll": self.poll, "commit": self.commit, "assignment": self.assignment})
        self.handle_port = Port("handle", self.handle)
        self.aside_port = Port("aside", verbs={"send": self.set_aside, "parked": self.parked})

    # ------------------------------------------------------------------------------------------------ consumer

    def poll(self, max_records: int = 0, timeout: float = 1.0) -> Generator:
        """Records, or an empty list after a second without any."""
        most = max_records if type(max_records) is int and max_records > 0 else self.group.batch
        self._still_on()
        self.polls += 1
        self.refused = 0
        found = self.consumer.poll(max_records=most)
        for _ in range(0 if found else self.group.looks):
            yield 1.0 / self.group.looks
            self._still_on()
            if found := self.consumer.poll(max_records=most):
                break
        if found:
            self.history.note("poll gives " + ", ".join(said((one.partition, one.offset)) for one in found),
                              node=self.node)
        self.group.moment(self.node)
        return [self.group.records[one.partition, one.offset] for one in found]

    def assignment(self) -> list[tuple[str, int]]:
        return list(self.consumer.assignment)

    def commit(self, offsets: Any = None) -> Generator:
        self._still_on()
        if not isinstance(offsets, dict) or not all(
                isinstance(key, tuple) and len(key) == 2 and key[0] == self.group.topic and type(key[1]) is int
                and 0 <= key[1] < len(self.group.ends) and type(offset) is int and offset >= 0
                for key, offset in offsets.items()):
            raise WrongCall(f'commit needs a dict such as {{("{self.group.topic}", 0): 17}}, not {offsets!r:.60}')
        if not offsets:
            return
        self.group.moment(self.node)
        named = ", ".join(f"{number}@{offset}" for (_, number), offset in sorted(offsets.items()))
        operation = self.history.invoke("commit", named, node=self.node)
        done = sum(one.node == self.node for one in self.group.handled)
        asked = Asked(operation.number, self.node, {number: offset for (_, number), offset in offsets.items()}, False,
                      self.revoking, done)
        lost = [f"{topic}-{number}" for topic, number in sorted(offsets)
                if (topic, number) not in self.consumer.assignment]
        try:
            if lost:
                raise EvlabError(f"the commit is refused: {self.node} no longer owns {' '.join(lost)}")
            later = self.consumer.commit(offsets)
            if later.done or not self.revoking:
                yield later  # inside of a poll nothing can wait: the commit is on its way
        except EvlabError as error:
            operation.fail("refused")
            self.group.commits.append(asked)
            self.refused += 1
            if self.refused > 4 and self.group.refused_often is not None:
                self.group._shorten()
                self.group.refused_often([one.entry for one in self.group.commits if not one.taken])
            raise EvlabError(error.what if lost else f"the commit is refused: {error.what}") from error
        operation.ok("sent" if self.revoking else None)
        self.group.commits.append(asked._replace(taken=True))
        self.group.moment(self.node)

    def _revoked(self, partitions: list[tuple[str, int]]) -> None:
        """The consumer's callback, inside of a poll: nothing here may wait, and nothing does."""
        if self.worker is None or not partitions:
            return
        named = " ".join(f"{topic}-{number}" for topic, number in partitions)
        gone = any(one not in self.consumer.assignment for one in partitions)
        self.history.note(f"`revoked` is called: {named} {'lost' if gone else 'to go'}", node=self.node)
        self.revoking = True
        try:
            for _ in self.actor.method(self.worker, "revoked", list(partitions)):
                raise WrongCall("`revoked` cannot wait")
        finally:
            self.revoking = False

    def _still_on(self) -> None:
        if self.group.stopping:
            raise KeyboardInterrupt("the check has seen enough")

    # -------------------------------------------------------------------------------------------------- the work

    def handle(self, record: Any = None) -> Generator:
        place, key = self._place_of(record, "handle")
        self._still_on()
        self.group.moment(self.node)
        tried = self.group.tries[place] = self.group.tries.get(place, 0) + 1
        operation = self.history.invoke("handle", f"{said(place)} {key}", node=self.node)
        fine = not self.group.fails(place, tried)
        owned = (self.group.topic, place[0]) in self.consumer.assignment
        one = Done(operation.number, self.node, place, key, fine, owned, self.polls, self.world.now())
        if not self.revoking:
            yield WORK
            if place in self.group.froze:
                self.group.struck = True
                self.world.pause(self.node, self.group.froze.pop(place))
                yield 1.0
            if place in self.group.slow:
                self.group.struck = True
                yield self.group.slow.pop(place)
        self.group.done.append(one)
        if not fine:
            operation.fail(self.group.error.__name__)
            why = f"{key} has no address" if self.group.error is ValueError else f"no answer about {key}"
            raise self.group.error(why)
        operation.ok()
        self.group.moment(self.node)

    def _place_of(self, record: Any, verb: str) -> tuple[Place, str]:
        place = next((place for place, port in self.group.records.items() if port is record), None)
        if place is None:
            raise WrongCall(f"{verb} needs one record of those that poll gave, not {record!r:.60}")
        return place, record.fields["key"]

    # ---------------------------------------------------------------------------------------------- what is set aside

    def set_aside(self, record: Any = None) -> Generator:
        place, key = self._place_of(record, "aside.send")
        self._still_on()
        self.group.moment(self.node)
        operation = self.history.invoke("set aside", f"{said(place)} {key}", node=self.node)
        producer = Producer(self.group.log.client(self.node))
        yield producer.send(f"{self.group.topic}.aside", b"", key=key)
        operation.ok()
        self.group.aside.append((operation.number, place, key))
        self.group.moment(self.node)

    def parked(self) -> list[str]:
        return sorted({key for _, _, key in self.group.aside})


def said(place: Place) -> str:
    """"0@17": offset 17 of partition 0."""
    return f"{place[0]}@{place[1]}"
