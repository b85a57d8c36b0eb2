"""The controller: decides who leads each partition, and remembers it.

Brokers report to it once a second. If one is silent for too long, the partitions that it led get another leader: the
first replica in sync that is up. Each election raises the partition's leader epoch. A leader that finds a follower too
slow, or back in time, asks the controller to change the set of replicas in sync, so that there is one truth about it.

Kafka has three or five controllers, which agree by Raft. Here there is one, and what it decides is on its disk before
anybody hears of it: while it is down the brokers go on, and no new leader can be chosen.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from evlab.env import Env
from evlab.errors import InvalidUse, Unreachable
from evlab.files import Files, write_whole
from evlab.log.metadata import Metadata, PartitionInfo, TopicInfo
from evlab.log.protocol import FencedLeaderEpoch, GetMetadata
from evlab.log.topics import TopicConfig, TopicExists, UnknownTopic, check_partitions, check_topic
from evlab.log.varints import CorruptBatch

__all__ = ["Controller"]

PORT = "controller"
STATE_FILE = "metadata.json"
SESSION = 6.0
"""Seconds of silence after which a broker counts as down (Kafka: broker.session.timeout.ms, 9 s)."""
BEAT = 1.0
"""Seconds between two reports of a broker (Kafka: broker.heartbeat.interval.ms, 2 s)."""

STARTING = 2.0
"""Seconds after its own start in which the controller lets a new partition wait for its first replica: brokers that
start together register one after another, and the first of them shall not lead everything."""


class Register(NamedTuple):
    """A broker has started. Answered with the `Metadata` after the change."""

    broker: str

    def __str__(self) -> str:
        return f"{self.broker} is up"


class Beat(NamedTuple):
    """A broker is alive and knows this version. Answered with newer `Metadata`, or None."""

    broker: str
    version: int

    def __str__(self) -> str:
        return "beat"


class CreateTopic(NamedTuple):
    """Answered with the `Metadata` after the change."""

    topic: str
    partitions: int
    config: TopicConfig

    def __str__(self) -> str:
        return f"create {self.topic}"


class AddPartitions(NamedTuple):
    """Let the topic have so many partitions, more than now. Answered with the `Metadata` after the change."""

    topic: str
    partitions: int

    def __str__(self) -> str:
        return f"{self.topic} gets {self.partitions} partitions"


class AlterIsr(NamedTuple):
    """The leader of this epoch wants these replicas to count as in sync. Answered with the `Metadata`."""

    topic: str
    partition: int
    epoch: int
    version: int
    """The leader knows this version of the partition: a request that comes late, or twice, is of an older one."""
    isr: tuple[str, ...]

    def __str__(self) -> str:
        return f"in sync: {', '.join(self.isr)}"


class NewProducerId(NamedTuple):
    """Answered with a producer id that nobody else has."""

    def __str__(self) -> str:
        return "a producer id, please"


class Controller:
    """The controller of a cluster, on `node`, with its state in `files`."""

    def __init__(self, env: Env, node: str, files: Files, brokers: tuple[str, ...]):
        self.env, self.node, self.files = env, node, files
        self.all_brokers, self.closed = brokers, False
        self.metadata = self._load()
        self._started = env.now()
        self._seen = dict.fromkeys(self.metadata.brokers, env.now())
        env.listen(node, self.handle, PORT)
        if len(brokers) > 1:
            env.after(BEAT, self._look_around)

    def handle(self, message: Any) -> Any:
        """Answer a request."""
        match message:
            case Beat():
                return self._beat(message)
            case GetMetadata():
                return self.metadata
            case Register():
                return self._register(message.broker)
            case AlterIsr():
                return self._alter_isr(message)
            case CreateTopic():
                return self._create(message)
            case AddPartitions():
                return self._add_partitions(message)
            case NewProducerId():
                return self._next_producer()
        raise InvalidUse(f"a controller does not know {message!r:.60}", next_step="send one of evlab.log.controller")

    def _next_producer(self) -> int:
        given = self.metadata.next_producer
        self._decide(msgspec.structs.replace(self.metadata, next_producer=given + 1))
        return given

    # ------------------------------------------------------------------------------------------------- brokers

    def _register(self, broker: str) -> Metadata:
        """A broker that starts again may have lost what it did not sync: for its partitions it begins as a follower,
        if another replica in sync can lead."""
        self._down(broker)
        self._seen[broker] = self.env.now()
        brokers = tuple(sorted({*self.metadata.brokers, broker}))
        self._decide(self._elected(self.metadata.changed(brokers=brokers)))
        return self.metadata

    def _beat(self, message: Beat) -> Metadata | None:
        if message.broker not in self.metadata.brokers:
            return self._register(message.broker)
        self._seen[message.broker] = self.env.now()
        return self.metadata if message.version < self.metadata.version else None

    def _look_around(self) -> None:
        if self.closed:
            return
        for broker in self.metadata.brokers:
            if self.env.now() - self._seen.get(broker, 0.0) > SESSION:
                self._down(broker)
        self._decide(self._elected(self.metadata))
        self.env.after(BEAT, self._look_around)

    def _down(self, broker: str) -> None:
        """This broker is gone: it leads nothing, and is in sync with nothing where others are. A partition that it led
        goes into a new epoch, with a new leader or with none."""
        if broker not in self.metadata.brokers:
            return
        left = tuple(name for name in self.metadata.brokers if name != broker)
        state = self.metadata.changed(brokers=left)
        for topic, info in state.topics.items():
            for number, partition in enumerate(info.partitions):
                isr = tuple(name for name in partition.isr if name != broker) or partition.isr
                leader = None if partition.leader == broker else partition.leader
                if (isr, leader) != (partition.isr, partition.leader):
                    state = state.with_partition(topic, number, isr=isr, leader=leader)
        state = self._elected(state)
        for topic, info in state.topics.items():
            for number, partition in enumerate(info.partitions):
                if partition.leader is None and self.metadata.partition(topic, number).leader == broker:
                    state = state.with_partition(topic, number, epoch=partition.epoch + 1)
        self._decide(state)

    def _elected(self, state: Metadata) -> Metadata:
        """The state in which each partition that can have a leader has one."""
        for topic, info in state.topics.items():
            for number, partition in enumerate(info.partitions):
                if partition.leader is None:
                    state = self._elect(state, topic, number, partition, info.config.unclean)
        return state

    def _elect(self, state: Metadata, topic: str, number: int, partition: PartitionInfo, unclean: bool) -> Metadata:
        starting = partition.epoch < 0 and self.env.now() - self._started < STARTING
        if starting and partition.replicas[0] not in state.brokers:
            return state
        alive = [name for name in partition.replicas if name in state.brokers]
        in_sync = [name for name in alive if name in partition.isr]
        if in_sync:
            return state.with_partition(topic, number, leader=in_sync[0], epoch=partition.epoch + 1)
        if alive and unclean:  # it leads with what it has; what only the others had is lost
            return state.with_partition(topic, number, leader=alive[0], isr=(alive[0],), epoch=partition.epoch + 1)
        return state

    def _alter_isr(self, message: AlterIsr) -> Metadata:
        partition = self._known(message.topic, message.partition)
        if message.epoch != partition.epoch:
            raise FencedLeaderEpoch(f"{message.topic}-{message.partition} is in epoch {partition.epoch}, not "
                                    f"{message.epoch}", why="another leader was chosen meanwhile",
                                    next_step="ask for the metadata again")
        if message.version != partition.version:
            raise FencedLeaderEpoch(f"{message.topic}-{message.partition} is at version {partition.version}, not "
                                    f"{message.version}", why="it has changed meanwhile, by this very request perhaps",
                                    next_step="ask for the metadata again")
        isr = tuple(name for name in partition.replicas
                    if name in message.isr and (name in self.metadata.brokers or name in partition.isr))
        self._decide(self.metadata.with_partition(message.topic, message.partition, isr=isr or partition.isr))
        return self.metadata

    # -------------------------------------------------------------------------------------------------- topics

    def _create(self, message: CreateTopic) -> Metadata:
        topic, config = check_topic(message.topic), message.config
        count = check_partitions(message.partitions)
        if topic in self.metadata.topics:
            raise TopicExists(f"there is a topic {topic} already", topic=topic,
                              next_step="use it, or choose another name")
        for other in self.metadata.topics:
            if other.replace(".", "_") == topic.replace(".", "_"):
                raise InvalidUse(f"the topic {topic} would collide with {other}", topic=topic, other=other,
                                 why="in the names of metrics, '.' and '_' are one character",
                                 next_step="choose another name; use dots or underscores, not both")
        if config.replication > len(self.all_brokers):
            raise InvalidUse(f"replication={config.replication} with {len(self.all_brokers)} broker"
                             f"{'s' * (len(self.all_brokers) > 1)}", why="each copy is on a broker of its own",
                             next_step="ask for fewer replicas, or make the log with more brokers")
        partitions = tuple(self._placed(number, config.replication) for number in range(count))
        self._decide(self._elected(self.metadata.with_topic(topic, TopicInfo(config=config, partitions=partitions))))
        return self.metadata

    def _add_partitions(self, message: AddPartitions) -> Metadata:
        self._known(message.topic, 0)
        info = self.metadata.topics[message.topic]
        now, wanted = len(info.partitions), check_partitions(message.partitions)
        if wanted <= now:
            raise InvalidUse(f"{message.topic} has {now} partitions, and {wanted} were asked for",
                             why="partitions can be added, never taken away: their records would have no place",
                             next_step="ask for more, or make a new topic and copy")
        more = tuple(self._placed(number, info.config.replication) for number in range(now, wanted))
        changed = msgspec.structs.replace(info, partitions=info.partitions + more)
        self._decide(self._elected(self.metadata.with_topic(message.topic, changed)))
        return self.metadata

    def _placed(self, number: int, replication: int) -> PartitionInfo:
        """The brokers of a new partition: the next ones in the round, so that leaders are spread."""
        brokers = self.all_brokers
        replicas = tuple(brokers[(number + step) % len(brokers)] for step in range(replication))
        return PartitionInfo(leader=None, epoch=-1, isr=replicas, replicas=replicas)

    def _known(self, topic: str, number: int) -> PartitionInfo:
        partition = self.metadata.partition(topic, number)
        if partition is None:
            raise UnknownTopic(f"there is no {topic}-{number}", topic=topic, partition=number,
                               next_step="create the topic first")
        return partition

    # --------------------------------------------------------------------------------------------------- state

    def _load(self) -> Metadata:
        data = self.files.open(STATE_FILE).read()
        try:
            return msgspec.json.decode(data, type=Metadata) if data else Metadata()
        except msgspec.MsgspecError as error:  # to begin without would lose every topic
            raise CorruptBatch(f"{STATE_FILE} of {self.node} is damaged", path=STATE_FILE, why=f"it holds the topics: "
                               f"{error}", next_step="restore it from a copy; the records are in the folders "
                               "beside it") from error

    def _decide(self, state: Metadata) -> None:
        """Put the new state on the disk, whole, then let it count."""
        if state is self.metadata:
            return
        write_whole(self.files, STATE_FILE, msgspec.json.encode(state))
        before, self.metadata = self.metadata, state
        if state.version == before.version:  # a producer id was given out, which concerns nobody else
            return
        for broker in state.brokers:
            with suppress(Unreachable):  # one that is not up yet asks when it is
                self.env.send(broker, state, "metadata")
