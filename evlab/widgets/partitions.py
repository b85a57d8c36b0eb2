"""The playground of notebooks 10, 11 and 14: a topic in partitions, its keys, a reader, and three brokers.

All of it is a `Log` in a World: what is drawn was fetched, committed and copied over a network, on virtual time. Three
levels show more of the same simulation: keys and offsets; what is thrown away; copies on brokers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from typing import Any, ClassVar

from evlab.env import Later
from evlab.errors import EvlabError
from evlab.log import Consumer, Log, Producer, Record
from evlab.log.partitioner import partition
from evlab.sim.world import World
from evlab.viz import partition_strips
from evlab.viz.strips import Strip, strip_of
from evlab.widgets.base import Playground
from evlab.widgets.view import Button, Flight, Note, Select, Slider, Table, Text, Toggle

__all__ = ["Partitions"]

LEVELS = {"keys": "keys and offsets", "cleanup": "what is thrown away (11)", "copies": "three brokers (14)"}
TOPICS = {"orders": "orders: the old are deleted", "status": "status: the last of each key stays"}
KEYS = {"order": "order", "customer": "customer", "country": "country", "none": "no key"}
STREAM = [
    ("order-1038", "c-415", "US"), ("order-1039", "c-531", "NL"), ("order-1040", "c-810", "DE"),
    ("order-1041", "c-594", "DE"), ("order-1042", "c-42", "DE"), ("order-1043", "c-308", "DE"),
    ("order-1044", "c-762", "TR"), ("order-1045", "c-532", "ES"), ("order-1046", "c-369", "FR"),
    ("order-1047", "c-1", "DE"), ("order-1048", "c-874", "DE"), ("order-1049", "c-21", "NL"),
    ("order-1050", "c-719", "GB"), ("order-1051", "c-696", "DE"), ("order-1052", "c-14", "IT"),
    ("order-1053", "c-445", "DE")]
"""Order, customer and country, from data/orders.jsonl."""
GROUP, BUNCH, EVENTS, HOT = "email", 8, 3, 10
"""The reader's group, how many orders come at once, how many events each has, and the records of a hot key."""
MOST_PARTITIONS, KEY_LENGTH, ROWS = 8, 40, 8
KEPT = 10
"""Seconds that a record of orders is kept, and a tombstone of status."""
SEGMENT = 260
"""Bytes of a segment: a few batches, so that there is something to delete."""
IN_SYNC = 2
"""Copies of three that have to be in sync for an ack."""
STEP = 1.0
"""Virtual seconds that pass after each click."""
SENDING = ("stream", "send", "hot", "tombstone")


class Partitions(Playground):
    """A topic of three partitions, a shop that sends, and a reader called email."""

    name: ClassVar[str] = "partitions"
    title: ClassVar[str] = "A topic in partitions"
    lead: ClassVar[str] = "Send eight orders, three times. Then add a partition, and send again: where are they now?"

    def start(self, seed: int) -> None:
        self.world = World(seed)
        self.cluster = Log(env=self.world, brokers=3)
        self.world.run(until=1.0)
        copies = {"replication": 3, "min_insync_replicas": IN_SYNC, "segment_bytes": SEGMENT}
        self.cluster.create_topic("orders", 3, retention_ms=KEPT * 1000, **copies)
        self.cluster.create_topic("status", 3, cleanup="compact", delete_retention_ms=KEPT * 1000, **copies)
        self.level, self.topic, self.key, self.key_by = "keys", "orders", "order-1042", "order"
        self.reads, self.rate = True, 20
        self.turn = 0
        """How many bunches of orders were sent."""
        self.numbers: dict[tuple[str, str], int] = {}
        """(topic, what it is about) -> how many records about it were sent."""
        self.seen: dict[tuple[str, str], set[int]] = {}
        """(topic, what it is about) -> the numbers of its records that were read."""
        self.wrong: list[str] = []
        """What was read in the wrong order."""
        self.homes: dict[str, dict[str, int]] = {topic: {} for topic in TOPICS}
        """Topic -> each of its keys, and the partition that it had before the last one was added."""
        self.waiting: list[Later] = []
        self.refused = ""
        self.thrown: list[tuple[int, str]] = []
        """What the last click sent: partition and key."""
        self.said = ""
        self._begin_shop()
        self.reader = Consumer(self.cluster.client("email"), GROUP, list(TOPICS), name="email-1")
        self.world.spawn(self._read(), "email")
        self.world.run(until=3.0)

    def _begin_shop(self) -> None:
        """A new producer: it knows how many partitions there are now."""
        self.producer = Producer(self.cluster.client("shop"), patience=60.0)

    # ------------------------------------------------------------------------------------------ what a click does

    def act(self, name: str, value: Any) -> None:
        self.thrown, self.refused = [], ""
        verb, _, rest = name.partition("-")
        if verb == "broker":
            self._switch(f"broker-{rest}", value)
        else:
            getattr(self, f"_do_{name}")(value)
        self.world.run(until=self.world.now() + (5 * STEP if name == "wait" else STEP))
        if self.refused and name in SENDING:
            self.said = f"{self.topic} did not take {'it' if name in ('send', 'tombstone') else 'all of them'}."

    def _do_stream(self, _) -> None:
        first = self.turn // EVENTS * BUNCH % len(STREAM)
        what = ("placed", "paid", "shipped")[self.turn % EVENTS]
        self.turn += 1
        bunch = STREAM[first:first + BUNCH]
        self._produce([(self._key_of(order), order[0]) for order in bunch])
        by = "without a key" if self.key_by == "none" else f"by {KEYS[self.key_by]}"
        self.said = f"Eight orders were {what}: {bunch[0][0]} to {bunch[-1][0]}, {by}."

    def _key_of(self, order: tuple[str, str, str]) -> str | None:
        return dict(zip(KEYS, (*order, None), strict=True))[self.key_by]

    def _do_key(self, value: str) -> None:
        self.key = value
        self.said = f"The next record has the key {value}." if value else "The next record has no key."

    def _do_send(self, _) -> None:
        self._produce([(self.key or None, self.key or "keyless")])
        self.said = f"One record for {self.key or 'nobody in particular'} was sent."

    def _do_hot(self, _) -> None:
        self._produce([(self.key or None, self.key or "keyless")] * HOT)
        self.said = f"{HOT} records for {self.key or 'nobody in particular'} were sent."

    def _do_tombstone(self, _) -> None:
        self._produce([(self.key or None, self.key or "keyless")], tombstone=True)
        self.said = f"A record without a value says that {self.key or 'nobody'} is deleted."

    def _produce(self, records: list[tuple[str | None, str]], tombstone: bool = False) -> None:
        topic, count = self.topic, self.cluster.partitions(self.topic)

        def send() -> Generator:
            sent = []
            for key, thing in records:
                number = self.numbers[topic, thing] = self.numbers.get((topic, thing), 0) + 1
                value = None if tombstone else f"{thing} {number}".encode()
                sent.append(self.producer.send(topic, value, key=key and key.encode("utf-8", "replace")))
            self.waiting += sent
            for one in sent:
                try:
                    yield one
                except EvlabError as error:
                    self.refused = str(error).split("\n")[0]

        for key, _ in records:
            if key is not None:
                home = partition(key.encode("utf-8", "replace"), count)
                self.homes[topic].setdefault(key, home)
                self.thrown.append((home, key))
        self.world.spawn(send(), "shop")

    def _do_key_by(self, value: str) -> None:
        self.key_by = value
        self.said = f"Orders are sent with the {value} as their key." if value != "none" else "Orders have no key now."

    def _do_add(self, _) -> None:
        before = self.cluster.partitions(self.topic)
        self.homes[self.topic] = {key: self._home(key) for key in self.homes[self.topic]}
        self.cluster.add_partitions(self.topic, before + 1)
        self._begin_shop()
        moved = sum(self._home(key) != home for key, home in self.homes[self.topic].items())
        self.said = (f"{self.topic} has {before + 1} partitions. {moved} of {len(self.homes[self.topic])} keys go to "
                     "another one from now on; what is there stays.")

    def _home(self, key: str) -> int:
        return partition(key.encode("utf-8", "replace"), self.cluster.partitions(self.topic))

    def _do_reads(self, value: bool) -> None:
        self.reads = value
        self.said = f"{GROUP} reads {'on where it stands' if value else 'no more'}."

    def _do_rate(self, value: int) -> None:
        self.rate = value
        self.said = f"{GROUP} works off {value} records a second."

    def _do_again(self, _) -> None:
        for topic, number in self.reader.assignment:
            self.reader.seek(topic, number, strip_of(self.cluster, topic, number).start)
        self.said = f"{GROUP} reads all again: a number was set back, nothing was copied."

    def _do_wait(self, _) -> None:
        self.said = "Five seconds have passed."

    def _do_level(self, value: str) -> None:
        self.level = value
        if value == "keys":
            self.topic = "orders"
        self.said = f"Now shown: {LEVELS[value]}."

    def _do_topic(self, value: str) -> None:
        self.topic = value
        self.said = f"You see and fill the topic {value}."

    def _do_retention(self, _) -> None:
        gone = sum(len(self.cluster.brokers[name].expire()) for name in self._up())
        self.said = f"{gone} segment{'s' * (gone != 1)} older than {KEPT} s deleted, whole ones only."

    def _do_compact(self, _) -> None:
        before = self._records("status")
        for name in self._up():
            self.cluster.brokers[name].compact(force=True)
        kept = {(number, record.offset) for number, record in self._records("status")}
        last = {record.key: (number, record.offset) for number, record in before}
        gone = {(number, record.offset): record for number, record in before if (number, record.offset) not in kept}
        over = sum(record.value is None and last[record.key] == place for place, record in gone.items())
        taken = len(gone) - over
        self.said = f"Compaction took {taken} record{'s' * (taken != 1)} that a later one of the same key replaces"
        self.said += f", and {over} tombstone{'s' * (over != 1)} that an earlier one met {KEPT} s ago." if over else "."
        if not gone:
            self.said += (f" The newest segment is left alone, and a tombstone goes {KEPT} s after the compaction "
                          "that met it first.")

    def _switch(self, broker: str, up: bool) -> None:
        if up:
            self.world.restart(broker)
            self.said = f"{broker} starts, and asks what it leads. It catches up as a follower."
        else:
            self.world.crash(broker)
            self.said = f"{broker} has lost its power. After some seconds of silence another one leads."

    def _up(self) -> list[str]:
        return [name for name in self.cluster.names if not self.world.node(name).dead]

    # ------------------------------------------------------------------------------------------------ the reader

    def _read(self) -> Generator:
        while True:
            if not self.reads:
                yield 0.1
                continue
            for record in self.reader.poll(max_records=5):
                yield 1 / self.rate
                self._noted(record)
            try:
                yield self.reader.commit()
            except EvlabError:  # it has lost the partition, or nobody leads it: the next poll says more
                yield 0.5
            yield self.reader.arrived

    def _noted(self, record: Record) -> None:
        """Remember what was read, and whether a later record about the same thing was read before it."""
        if record.value is None:
            return
        thing, _, number = record.value.decode("utf-8", "replace").rpartition(" ")
        seen, number = self.seen.setdefault((record.topic, thing), set()), int(number)
        if seen and number < max(seen) and number not in seen:
            self.wrong.append(f"{GROUP} read event {max(seen)} of {thing} before its event {number}.")
        seen.add(number)

    # -------------------------------------------------------------------------------------------- what is shown

    def export(self, frame: bool = False) -> Any:
        """The run so far, to be replayed (see `Playground.export`). With `frame`, a DataFrame instead: the records of
        both topics, with partition, offset, key, value and whether `email` has committed them; pandas loads here."""
        return self._frame() if frame else super().export()

    def _frame(self) -> Any:
        import pandas

        rows = []
        for topic in TOPICS:
            committed = self._committed(topic)
            for number, record in self._records(topic):
                key, value = (part and part.decode("utf-8", "replace") for part in (record.key, record.value))
                rows.append((topic, number, record.offset, key, value, record.offset < committed.get(number, 0)))
        return pandas.DataFrame(rows, columns=["topic", "partition", "offset", "key", "value", "committed"])

    def _committed(self, topic: str) -> dict[int, int]:
        if not self._up():
            return {}
        try:
            return {row.partition: row.committed or 0 for row in self.cluster.lag(GROUP) if row.topic == topic}
        except EvlabError:
            return {}

    def _strips(self, topic: str) -> list[Strip]:
        return [strip_of(self.cluster, topic, number) for number in range(self.cluster.partitions(topic))]

    def _records(self, topic: str) -> list[tuple[int, Record]]:
        return [(strip.number, record) for strip in self._strips(topic) for record in strip.records.values() if record]

    def render(self) -> dict:
        picture = partition_strips(self.cluster, self.topic, GROUP, consumers=[self.reader],
                                   keys=self.homes[self.topic], copies=self.level == "copies")
        places = picture.anchors
        flights = [Flight(places["producer"], places[f"partition-{number}"], 60 * index, 450, key)
                   for index, (number, key) in enumerate(self.thrown[:BUNCH])]
        return {"controls": self._controls_now(), "pictures": [picture], "texts": self._notes(),
                "table": self._table(), "flights": flights, "said": self.said}

    def _notes(self) -> list[Note]:
        notes = [Note(f"Refused: {self.refused}", "bad")] if self.refused else []
        notes += [Note(line, "bad") for line in self.wrong[-3:]]
        more = len(self.wrong) - 3
        notes += [Note(f"... and {more} more in the wrong order.", "bad")] if more > 0 else []
        self.waiting = [later for later in self.waiting if not later.done]
        if self.waiting:
            many = len(self.waiting) != 1
            notes.append(Note(f"{len(self.waiting)} record{'s are' if many else ' is'} not acked yet: {self._why()}.",
                              "wait"))
        return notes

    def _why(self) -> str:
        """Why a record waits for its ack."""
        up = len(self._up())
        if not up:
            return "no broker is up"
        if up < IN_SYNC:
            return f"an ack wants {IN_SYNC} copies in sync (min.insync.replicas), and {up} broker is up"
        return "until a new leader is elected, or the copies are in sync again; wait some seconds"

    def _table(self) -> Table | None:
        homes: dict[str, dict[int, int]] = {}
        for number, record in self._records(self.topic):
            key = "(no key)" if record.key is None else record.key.decode("utf-8", "replace")
            found = homes.setdefault(key, {})
            found[number] = found.get(number, 0) + 1
        if not homes:
            return None
        most = sorted(homes.items(), key=lambda one: (-sum(one[1].values()), one[0]))
        rows = [[key, sum(found.values()), ", ".join(str(number) for number in sorted(found)), self._next(key)]
                for key, found in most[:ROWS]]
        rest = f", the {ROWS} largest of {len(most)}" if len(most) > ROWS else ""
        return Table(["key", "records", "in partition", "its next goes to"], rows, f"The keys of {self.topic}{rest}")

    def _next(self, key: str) -> str:
        if key not in self.homes[self.topic]:
            return "any" if key == "(no key)" else "-"
        before, now = self.homes[self.topic][key], self._home(key)
        return str(now) if before == now else f"{now}, before that {before}"

    def _controls_now(self) -> list:
        shop, reader = "The shop", "The reader"
        full = self.cluster.partitions(self.topic) >= MOST_PARTITIONS
        controls: list = [
            Button("stream", "Send 8 orders", group=shop, look="main",
                   help="Eight orders are placed, then the same are paid, then shipped, then come the next."),
            Select("key_by", "key", group=shop, options=KEYS, value=self.key_by,
                   help="What is the key of those orders?"),
            Text("key", "a key of yours", group=shop, value=self.key, limit=KEY_LENGTH, placeholder="no key",
                 help="The key of the records that the next two buttons send."),
            Button("send", "Send 1", group=shop, help="One record with your key."),
            Button("hot", f"Send {HOT}, a hot key", group=shop, help="Ten records with your key."),
            Button("add", "Add a partition", group="The topic",
                   blocked=f"{MOST_PARTITIONS} are enough for a picture." if full else "",
                   help="New records are spread over one partition more. The old stay where they are."),
            Toggle("reads", f"{GROUP} reads", group=reader, value=self.reads, help="Off: it stays where it is."),
            Slider("rate", "works off", group=reader, low=1, high=20, value=self.rate, unit="a second",
                   help="How many records the reader works off in a second."),
            Button("again", "Read all again", group=reader,
                   blocked="" if self._up() else "No broker is up.", help="Set the position back to the start."),
            Button("wait", "Wait 5 s", group="Time", help="Let five seconds of virtual time pass.")]
        if self.level != "keys":
            controls += self._cleanup_controls()
        if self.level == "copies":
            controls += [Toggle(name, f"{name} is up", group="Brokers", value=name in self._up(),
                                help=f"Off: {name} loses its power.") for name in self.cluster.names]
        return [*controls, Select("level", "show", group="Level", options=LEVELS, value=self.level,
                                  help="How much of the same simulation you see.")]

    def _cleanup_controls(self) -> list:
        group, down = "What is thrown away", "" if self._up() else "No broker is up."
        other = {topic: f"You see {self.topic}. This works on {topic}." * (self.topic != topic) for topic in TOPICS}
        return [Select("topic", "topic", group=group, options=TOPICS, value=self.topic,
                       help="Which topic you see and send to."),
                Button("retention", f"Delete what is older than {KEPT} s", group=group, look="harm",
                       blocked=down or other["orders"],
                       help="Retention: whole old segments of orders go."),
                Button("compact", "Compact", group=group, look="harm", blocked=down or other["status"],
                       help="Of each key of status, the last record stays; the newest segment is left alone."),
                Button("tombstone", "Send a tombstone", group=group,
                       help="A record with your key and without a value.")]

    def digest(self) -> str:
        state = [self.world.history.digest(), self.level, self.topic, self.key, self.key_by, self.reads, self.rate]
        state += [(topic, number, record.offset, record.key, record.value)
                  for topic in TOPICS for number, record in self._records(topic)]
        return hashlib.sha256(repr(state).encode("utf-8", "replace")).hexdigest()
