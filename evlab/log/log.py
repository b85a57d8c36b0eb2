"""The log: a small cluster of brokers in this process, and what one asks of it as a whole."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from evlab.env import Dead, Env, Real, check_delay, check_env
from evlab.errors import InvalidUse
from evlab.files import check_folder, opening
from evlab.log.broker import MAX_LAG, Broker
from evlab.log.client import Client
from evlab.log.controller import PORT as CONTROLLER_PORT
from evlab.log.controller import AddPartitions, Controller, CreateTopic
from evlab.log.coordinator import OFFSETS_TOPIC, Coordinator
from evlab.log.fetcher import TRUNCATIONS
from evlab.log.lag import LagRow, Points, describe, lag_frame, lag_of, time_lag
from evlab.log.members import AnyGroup, Step, told
from evlab.log.metadata import Metadata
from evlab.log.protocol import PORT, BrokerUnavailable, TopicPartition
from evlab.log.replica import Replica
from evlab.log.topics import TopicConfig, UnknownTopic
from evlab.log.transactions import TRANSACTIONS_TOPIC, TransactionCoordinator

if TYPE_CHECKING:
    from evlab.log.consumer import Consumer
    from evlab.log.producer import Producer

__all__ = ["Log"]

_OPEN: WeakValueDictionary[int, Log] = WeakValueDictionary()
"""The id of an Env -> the log that is open in it. A log keeps its Env alive, so no other one has that id meanwhile."""
MOST_BROKERS = 100
"""Each is a node with files and processes of its own."""


class Log:
    """A partitioned log on `brokers` brokers, in the folder `path`, or in a World (`env`) on the disks of its nodes.

    The brokers are the nodes broker-0, broker-1, ...; with more than one, the controller is a node of its own. What you
    call here, outside of every node, looks at the brokers directly; producers and consumers talk to them, and in a
    World that takes time and suffers faults: `Producer(log.client("order-service"))` stands on that node.
    max_lag: seconds until a slow follower is no longer in sync. truncation: "epoch", or "high watermark" as before
    KIP-101.
    Raises `CorruptBatch` for a damaged file, `InUse` for a folder that another process writes to, `UnusableFolder` for
    one that the system refuses, and `InvalidUse` for a second log in one World: both would have the nodes broker-0, ...
    """

    def __init__(self, path: str | os.PathLike = "", env: Env | None = None, brokers: int = 1, *,
                 max_lag: float = MAX_LAG, truncation: str = "epoch"):
        if type(brokers) is not int or not 1 <= brokers <= MOST_BROKERS:
            raise InvalidUse(f"brokers={brokers!r:.20} is no number of brokers", next_step=f"give 1 to {MOST_BROKERS}")
        if truncation not in TRUNCATIONS:
            raise InvalidUse(f"truncation={truncation!r:.40} is not known", next_step='give "epoch"')
        check_env(env)
        path = check_folder(path)
        if env is None and not path:
            raise InvalidUse("a log needs a folder", why="it keeps its records in files",
                             next_step='write Log("some/folder"), or Log(env=world)')
        check_delay(max_lag)
        if env is not None and (other := _OPEN.get(id(env))) is not None:
            raise InvalidUse(f"there is a log in this {type(env).__name__} already: {other!r}", why="the nodes of "
                             "both would be broker-0, ..., and the second would take messages and disks of the first",
                             next_step="use that one, with more topics; or close it first, or give this one a World of "
                                       "its own, or a folder: Log(\"some/folder\")")
        self.env, self.path = env or Real(path), path
        self._folder = "" if env is None else self.path
        self.names = tuple(f"broker-{number}" for number in range(brokers))
        self.controller_node = self.names[0] if brokers == 1 else "controller"
        self.max_lag, self.truncation = max_lag, truncation
        self.brokers: dict[str, Broker] = {}
        """Broker name -> the broker in its present life."""
        self._coordinators: dict[str, Coordinator] = {}
        self._steps: dict[str, list[list[Step]]] = {}
        self._numbers = count(1)
        self._closed = False
        self._points: dict[TopicPartition, Points] = {}
        with opening(self.path):
            self._boot()
        _OPEN[id(self.env)] = self

    def _boot(self) -> None:
        if len(self.names) > 1:
            self.env.boot(self.controller_node, self._boot_controller)
        for name in self.names:
            self.env.boot(name, lambda name=name: self._boot_broker(name))
        for own in (OFFSETS_TOPIC, TRANSACTIONS_TOPIC):
            if own not in self.metadata.topics:
                self._make_topic(own, 1, TopicConfig(cleanup="compact", replication=min(3, len(self.names))))

    def _boot_controller(self) -> None:
        self.controller = Controller(self.env, self.controller_node, self._files(self.controller_node), self.names)

    def _boot_broker(self, name: str) -> Generator:
        if name == self.controller_node:
            self._boot_controller()
        broker = self.brokers[name] = Broker(self.env, name, self._files(name), self.controller_node,
                                             max_lag=self.max_lag, truncation=self.truncation)
        self._coordinators[name] = Coordinator(broker, self._steps)
        TransactionCoordinator(broker, Client(self.env, self.names, name))
        return broker.start()

    def _files(self, node: str):
        files = self.env.files(node)
        return files.folder(self._folder) if self._folder else files

    # -------------------------------------------------------------------------------------------------- topics

    @property
    def metadata(self) -> Metadata:
        """What the controller has decided: topics, leaders, replicas in sync."""
        return self.controller.metadata

    def create_topic(self, name: str, partitions: int = 1, **config: Any) -> None:
        """Make a topic. config: the fields of `TopicConfig`, such as replication=3, cleanup="compact".

        Raises `TopicExists`, and `InvalidUse` for a name, a number or a setting that cannot be.
        """
        try:
            settings = TopicConfig(**config)
        except TypeError as error:
            raise InvalidUse(f"a topic has no such setting: {error}", next_step="see TopicConfig") from error
        self._make_topic(name, partitions, settings)

    def _make_topic(self, name: str, partitions: int, config: TopicConfig) -> None:
        self._decide(CreateTopic(name, partitions, config))

    def add_partitions(self, topic: str, partitions: int) -> None:
        """Let a topic have so many partitions, more than now. Keys move: see notebook 10."""
        self._decide(AddPartitions(topic, partitions))

    def _decide(self, message: Any) -> None:
        answer = self.env.ask(self.controller_node, message, CONTROLLER_PORT)
        if not answer.done:
            raise BrokerUnavailable(f"{self.controller_node} has not answered", why="it is down, or far: inside of a "
                                    "World's node the way to it takes time", next_step="call this outside of every "
                                    "node, while the controller is up; look at log.topics() first")
        answer.value  # noqa: B018 - raises what went wrong

    def topics(self) -> list[str]:
        """The names of the topics, without the log's own."""
        return sorted(name for name in self.metadata.topics if not name.startswith("__"))

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has. Raises `UnknownTopic`."""
        info = self.metadata.topics.get(topic)
        if info is None:
            raise UnknownTopic(f"there is no topic {topic}", topic=topic,
                               next_step=f"create it, or use one of {', '.join(self.topics()) or 'none so far'}")
        return len(info.partitions)

    def replica(self, topic: str, partition: int, broker: str | None = None) -> Replica:
        """The copy of a partition on a broker, by default on its leader, to look at. Raises `UnknownTopic`."""
        info = self.metadata.partition(topic, partition)
        name = broker or (info and info.leader) or (info and info.isr[0])
        if info is None or name not in self.brokers or (topic, partition) not in self.brokers[name].replicas:
            raise UnknownTopic(f"there is no {topic}-{partition}" + (f" on {broker}" if broker else ""), topic=topic,
                               partition=partition, next_step="look at log.metadata")
        return self.brokers[name].replicas[topic, partition]

    def client(self, node: str = "") -> Client:
        """A place to produce and consume from; on `node` of a World, it reaches the brokers over the network."""
        if self._closed:
            _refuse(None)
        return Client(self.env, self.names, node, self._numbers)

    def producer(self, **more: Any) -> Producer:
        """`Producer(self, **more)`. Code that asks its log for one runs on real Kafka, too (evlab.engines.KafkaLog)."""
        from evlab.log.producer import Producer

        return Producer(self, **more)

    def consumer(self, group: str, topics: Iterable[str] | str, **more: Any) -> Consumer:
        """`Consumer(self, group, topics, **more)`, in the same way."""
        from evlab.log.consumer import Consumer

        return Consumer(self, group, topics, **more)

    # --------------------------------------------------------------------------------------------------- groups

    def group(self, name: str) -> AnyGroup:
        """A consumer group, as its coordinator knows it. Raises `BrokerUnavailable` while there is none."""
        return self._coordinator().group(name)

    def rebalances(self, group: str) -> list[Step]:
        """What has happened in a group since this Log was made, whoever coordinated it, oldest first."""
        return told(self._steps.get(group, []))

    def _coordinator(self) -> Coordinator:
        try:
            return self._coordinators[self.replica(OFFSETS_TOPIC, 0).me]
        except UnknownTopic as error:
            raise BrokerUnavailable("no broker coordinates groups yet", why="none has taken up its part, which takes a "
                                    "moment in a World", next_step="call world.run(until=1) first") from error

    def lag(self, group: str) -> list[LagRow]:
        """How far a group is behind in each partition that it owns or has committed: committed, end, lag, time lag.

        The end is the high watermark. Each call notes the ends of now: the time lag, in seconds, is told from those.
        """
        coordinator, now = self._coordinator(), self.env.now()
        committed = coordinator.committed.get(group, {})
        members = coordinator.groups.get(group)
        owners = {} if members is None else {
            key: name for name, member in members.members.items() for key in member.partitions}
        rows = []
        for topic, number in sorted({*committed, *owners}):
            replica = self.replica(topic, number)
            points = self._points.setdefault((topic, number), Points())
            points.add(replica.high_watermark, now)
            at = committed[topic, number].offset if (topic, number) in committed else None
            rows.append(LagRow(topic, number, at, replica.high_watermark,
                               None if at is None else lag_of(at, replica.high_watermark, replica.partition.start),
                               time_lag(points, at, now),
                               owners.get((topic, number))))
        return rows

    def lag_frame(self, group: str):
        """The same as a pandas DataFrame, a row for each partition."""
        return lag_frame(self.lag(group))

    def describe(self, group: str) -> str:
        """The table that `kafka-consumer-groups --describe` prints."""
        return describe(group, self.lag(group))

    # --------------------------------------------------------------------------------------------- housekeeping

    def expire(self) -> list[str]:
        """Delete what retention allows to delete, on all brokers that are up; the names of the files."""
        deleted = []
        for name, broker in self.brokers.items():
            with suppress(Dead):
                deleted += [f"{name}/{file}" for file in broker.expire()]
        return deleted

    def compact(self, *, force: bool = False) -> dict[TopicPartition, Any]:
        """Compact where it is due (`force`: wherever something is closed), on all brokers; what the leaders did."""
        done = {}
        for name, broker in self.brokers.items():
            with suppress(Dead):
                for key, result in broker.compact(force=force).items():
                    if self.metadata.partition(*key).leader == name:
                        done[key] = result
        return done

    def close(self) -> None:
        """Close all brokers in good order, but for those that are down. Closed twice is closed.

        What is sent, committed or created from then on is refused: the folder may be another's.
        """
        if self._closed:
            return
        self._closed = True
        self.controller.closed = True
        for name, broker in self.brokers.items():
            with suppress(Dead):
                broker.close()
                self.env.listen(name, _refuse, PORT)
        with suppress(Dead):
            self.env.listen(self.controller_node, _refuse, CONTROLLER_PORT)
        _OPEN.pop(id(self.env), None)

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def __repr__(self) -> str:
        brokers = f"{len(self.names)} broker{'s' * (len(self.names) > 1)}"
        return f"Log({brokers}, topics: {', '.join(self.topics()) or 'none'})"


def _refuse(message: Any) -> None:
    """What a closed log answers."""
    raise InvalidUse("this log is closed", why="another one may write to its folder by now",
                     next_step="make a Log again, and producers and consumers of it")
