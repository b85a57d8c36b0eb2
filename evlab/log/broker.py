"""A broker: a node that keeps replicas on its disk, takes writes for those that it leads, and answers readers.

It asks the controller which replicas it has and which of them it leads, and reports to it that it is alive. All else
comes to it as requests (see evlab.log.protocol), and each is answered in `handle`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any

from evlab.env import Env, Later
from evlab.errors import EvlabError, InvalidUse
from evlab.files import Files
from evlab.log.compaction import Compacted, compact
from evlab.log.controller import BEAT, AlterIsr, Beat, NewProducerId, Register
from evlab.log.controller import PORT as CONTROLLER_PORT
from evlab.log.fetcher import follow
from evlab.log.marks import load_marks, save_marks
from evlab.log.metadata import Metadata
from evlab.log.partition import Partition
from evlab.log.protocol import (
    PORT,
    Fetch,
    Fetched,
    GetEpochEnd,
    GetMetadata,
    GetOffset,
    NotLeader,
    Produce,
    TopicPartition,
    WriteMarker,
    milliseconds,
)
from evlab.log.replica import Replica
from evlab.log.retention import expire
from evlab.log.topics import UnknownTopic

__all__ = ["Broker"]

CLEAN_FILE = ".kafka_cleanshutdown"
"""Is in the folder of a broker that was closed in good order."""
MAX_LAG = 30.0
"""Seconds without catching up after which a follower is not in sync (Kafka: replica.lag.time.max.ms)."""
ASK_CONTROLLER = 1.0
"""Seconds that a broker waits for the controller's answer."""


class Broker:
    """The broker `name`, with its files in `files`; `controller` is the node of the controller.

    max_lag, truncation: see `MAX_LAG` and `evlab.log.fetcher.TRUNCATIONS`.
    """

    def __init__(self, env: Env, name: str, files: Files, controller: str, *, max_lag: float = MAX_LAG,
                 truncation: str = "epoch"):
        self.env, self.name, self.files, self.controller = env, name, files, controller
        self.max_lag, self.truncation = max_lag, truncation
        self.metadata = Metadata()
        self.replicas: dict[TopicPartition, Replica] = {}
        self.services: dict[type, Any] = {NewProducerId: self._ask_controller}
        """Request type -> who answers it: the coordinators of groups and transactions add themselves here ..."""
        self.learners: list[Callable[[], None]] = []
        """... and here what they do when the metadata has changed."""
        self.marked: list[Callable[[WriteMarker], None]] = []
        """Called when a transaction has ended in a partition that this broker leads."""
        self._unlock = files.lock()
        self._marks = load_marks(files)
        self._clean = CLEAN_FILE in files.list()
        if self._clean:
            files.remove(CLEAN_FILE)  # from now on a crash leaves the folder without it
        env.listen(name, self.handle, PORT)
        env.listen(name, self._learn, "metadata")

    def start(self) -> Generator:
        """A process that reports to the controller, first that this broker is up, then that it is alive."""
        while True:
            try:
                self._learn((yield self._ask_controller(Register(self.name))))
                break
            except EvlabError:
                yield BEAT
        while self.controller != self.name:  # else it is its own controller, and has no followers
            yield BEAT
            self._note_marks()
            self._watch_followers()
            try:
                self._learn((yield self._ask_controller(Beat(self.name, self.metadata.version))))
            except EvlabError:
                continue

    def _ask_controller(self, message: Any) -> Later:
        return self.env.ask(self.controller, message, CONTROLLER_PORT, ASK_CONTROLLER)

    # ------------------------------------------------------------------------------------------------ requests

    def handle(self, message: Any) -> Any:
        """Answer a request: a value, a Later, or an error that is raised."""
        match message:
            case Produce(acks=0):  # nobody waits to hear of an error (Kafka closes the connection)
                with suppress(EvlabError):
                    return self.replica(message.topic, message.partition).produce(message)
                return None
            case Produce():
                return self.replica(message.topic, message.partition).produce(message)
            case Fetch():
                return self._fetch(message)
            case GetMetadata():
                return self._newest_metadata()
            case GetOffset():
                return self._offset(message)
            case GetEpochEnd():
                replica = self.replica(message.topic, message.partition)
                replica.check_leads()
                return replica.partition.epochs.end_of(message.epoch, replica.end)
        service = self.services.get(type(message))
        if service is None:
            raise InvalidUse(f"a broker does not know {message!r:.60}", next_step="send one of evlab.log.protocol")
        return service(message)

    def _newest_metadata(self) -> Later:
        """What the controller says; what is known here, if it does not answer. (In Kafka it is always the latter.)"""
        newest = Later()

        def heard(answer: Later) -> None:
            if answer.error is None:
                self._learn(answer.value)
            newest.resolve(self.metadata)

        self._ask_controller(GetMetadata()).then(heard)
        return newest

    def replica(self, topic: str, number: int) -> Replica:
        """This broker's copy of a partition. Raises `UnknownTopic`, or `NotLeader` if it has none."""
        replica = self.replicas.get((topic, number))
        if replica is None:
            if self.metadata.partition(topic, number) is None:
                raise UnknownTopic(f"{self.name} knows no {topic}-{number}", topic=topic, partition=number,
                                   next_step="create the topic first; a new one takes a moment to be known")
            raise NotLeader(f"{self.name} has no copy of {topic}-{number}", broker=self.name,
                            next_step="ask for the metadata again")
        return replica

    def _offset(self, message: GetOffset) -> int:
        replica = self.replica(message.topic, message.partition)
        replica.check_leads()
        if message.at == "earliest":
            return replica.partition.start
        if message.at == "latest":
            return replica.high_watermark
        if message.at == "committed end":
            return replica.last_stable
        found = replica.partition.offset_of(message.at)
        return replica.high_watermark if found is None else min(found, replica.high_watermark)

    def _fetch(self, request: Fetch) -> dict | Later:
        if request.replica:
            self._note_follower(request)
        found = self._read(request)
        if request.max_wait <= 0 or _says_something(found):
            return found
        answer = Later()
        watched = [self.replicas[place.topic, place.partition] for place in request.places]

        def look() -> None:
            found = self._read(request)
            if _says_something(found):
                answer.resolve(found)

        def forget(_) -> None:
            timer.cancel()
            for replica in watched:
                replica.watchers.pop(answer, None)

        timer = self.env.after(request.max_wait, lambda: answer.resolve(self._read(request)))
        for replica in watched:
            replica.watchers[answer] = look
        return answer.then(forget)

    def _note_follower(self, request: Fetch) -> None:
        for topic, number, offset, epoch in request.places:
            replica = self.replicas.get((topic, number))
            if replica is not None and replica.leads and epoch == replica.epoch:
                replica.fetched(request.replica, offset)

    def _read(self, request: Fetch) -> dict[TopicPartition, Fetched | EvlabError]:
        found = {}
        for topic, number, offset, epoch in request.places:
            try:
                replica = self.replica(topic, number)
                replica.check_leads(epoch)
                found[topic, number] = replica.read(offset, request.max_bytes, follower=request.replica,
                                                    committed=request.committed)
            except EvlabError as error:
                found[topic, number] = error
        return found

    # ------------------------------------------------------------------------------------------------ its part

    def _learn(self, metadata: Metadata | None) -> None:
        """Take the parts that the controller gives to this broker's replicas."""
        if metadata is None or metadata.version <= self.metadata.version:
            return
        self.metadata = metadata
        for topic, info in metadata.topics.items():
            for number, partition in enumerate(info.partitions):
                if self.name not in partition.replicas:
                    continue
                replica = self.replicas.get((topic, number)) or self._open(topic, number)
                if replica.info == partition:
                    continue
                if replica.become(partition):
                    self.env.spawn(follow(self.env, replica, partition, self.truncation), self.name)
                replica.moved()  # who waits for a fetch here learns of a new leader
        for learn in self.learners:
            learn()

    def _open(self, topic: str, number: int) -> Replica:
        config = self.metadata.topics[topic].config
        partition = Partition(self.files.folder(f"{topic}-{number}"), topic, number, config, clean=self._clean)
        replica = self.replicas[topic, number] = Replica(self.env, self.name, partition,
                                                        self._marks.get((topic, number), 0))
        return replica

    def _note_marks(self) -> None:
        """Put the high watermarks on the disk. If that fails the old ones stay, which were true as well."""
        marks = {key: replica.high_watermark for key, replica in self.replicas.items()}
        if marks != self._marks:
            with suppress(OSError):
                save_marks(self.files, marks)
                self._marks = marks

    def _watch_followers(self) -> None:
        """Ask the controller to change the replicas in sync where a follower has fallen back or caught up."""
        for key, replica in self.replicas.items():
            wanted = replica.wanted_isr(self.max_lag)
            if wanted is not None:
                replica.proposed = wanted
                self._ask_controller(AlterIsr(*key, replica.epoch, replica.info.version, wanted)).then(self._altered)

    def _altered(self, answer: Later) -> None:
        if answer.error is None:
            self._learn(answer.value)

    # --------------------------------------------------------------------------------------------- housekeeping

    def expire(self) -> list[str]:
        """Delete what retention allows to delete, in the partitions that this broker leads; the names of the files."""
        now = milliseconds(self.env)
        return [f"{replica.partition.name}/{name}" for replica in self.replicas.values() if replica.leads
                for name in expire(replica.partition, now, replica.high_watermark)]

    def compact(self, *, force: bool = False) -> dict[TopicPartition, Compacted]:
        """Compact the partitions of compacted topics that need it; what it did, by partition."""
        now = milliseconds(self.env)
        done = {key: compact(replica.partition, now, replica.last_stable, force=force)
                for key, replica in self.replicas.items() if replica.partition.config.cleanup == "compact"}
        return {key: result for key, result in done.items() if result is not None}

    def close(self) -> None:
        """Close in good order: the next start need not check every batch."""
        self._note_marks()
        for replica in self.replicas.values():
            replica.partition.close()
        if all(replica.partition._failed is None for replica in self.replicas.values()):
            self.files.open(CLEAN_FILE).close()
        self._unlock()


def _says_something(found: dict[TopicPartition, Fetched | EvlabError]) -> bool:
    return any(not isinstance(one, Fetched) or one.data for one in found.values())
