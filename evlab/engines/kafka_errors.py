"""What Kafka's client says went wrong, as the error that the twin raises for the same. All translation is here."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import confluent_kafka as client

from evlab.engines import EngineUnreachable
from evlab.env import Later
from evlab.errors import EvlabError, InvalidUse, Timeout
from evlab.log.members import Fenced, UnknownMember, UnreleasedInstanceId
from evlab.log.partition import BatchTooLarge, OffsetOutOfRange
from evlab.log.producers import InvalidProducerEpoch, OutOfOrderSequence
from evlab.log.protocol import BrokerUnavailable, NotEnoughReplicas, NotLeader
from evlab.log.records import CorruptBatch
from evlab.log.topics import TopicExists, UnknownTopic

__all__ = ["TRANSIENT", "KafkaRefused", "check_text", "kafka_error", "outcome", "translated", "unknown"]


class KafkaRefused(EvlabError):
    """Kafka, or its client, refused for a reason that the twin does not have. `code`: Kafka's name of it."""


_NEWER_LIFE = "a newer life of the same transactional id has begun"
_FOREIGN = "the group was shared out anew, and the partitions may be another's"

_TABLE: dict[str, tuple[type[EvlabError], str, str]] = {
    "UNKNOWN_TOPIC_OR_PART": (UnknownTopic, "", "create it, or look at log.topics()"),
    "_UNKNOWN_TOPIC": (UnknownTopic, "", "create it, or look at log.topics()"),
    "_UNKNOWN_PARTITION": (UnknownTopic, "", "look at log.partitions(topic)"),
    "TOPIC_ALREADY_EXISTS": (TopicExists, "", "use it, or choose another name"),
    "TOPIC_EXCEPTION": (InvalidUse, "", "choose another name"),
    "INVALID_PARTITIONS": (InvalidUse, "", "ask for more partitions than there are; none can be taken away"),
    "INVALID_REPLICATION_FACTOR": (InvalidUse, "each copy is on a broker of its own", "ask for fewer replicas"),
    "INVALID_CONFIG": (InvalidUse, "", "change the setting that is named"),
    "INVALID_SESSION_TIMEOUT": (InvalidUse, "the broker has limits (group.min.session.timeout.ms, 6 s)",
                                "give a longer session_timeout"),
    "INVALID_TRANSACTION_TIMEOUT": (InvalidUse, "the broker has a limit (transaction.max.timeout.ms, 15 min)",
                                    "give a smaller patience"),
    "_CONFLICT": (InvalidUse, "an earlier call has no answer yet", "call that one again"),
    "_INVALID_ARG": (InvalidUse, "", "look at the arguments and settings"),
    "INVALID_RECORD": (InvalidUse, "a compacted topic keeps the last record of each key, so each needs one",
                       "give a key"),
    "INVALID_TIMESTAMP": (InvalidUse, "a record may be an hour ahead of the broker's clock, and not more "
                                      "(message.timestamp.after.max.ms)", "give the time of now, or none"),
    "MSG_SIZE_TOO_LARGE": (BatchTooLarge, "the topic takes max.message.bytes at most",
                           "send smaller batches, or store the data elsewhere and send its address"),
    "OFFSET_OUT_OF_RANGE": (OffsetOutOfRange, "retention deleted it, or it is not written yet", "seek"),
    "_AUTO_OFFSET_RESET": (OffsetOutOfRange, "retention deleted it, or it is not written yet", "seek"),
    "_BAD_MSG": (CorruptBatch, "", "fetch it again; then look at the broker's disk"),
    "INVALID_MSG": (CorruptBatch, "", "send it again"),
    "ILLEGAL_GENERATION": (Fenced, _FOREIGN, "poll; whoever owns them now processes the records again"),
    "REBALANCE_IN_PROGRESS": (Fenced, "the group is being shared out anew",
                              "poll, and commit what is still yours then"),
    "STALE_MEMBER_EPOCH": (Fenced, _FOREIGN, "poll; whoever owns them now processes the records again"),
    "FENCED_MEMBER_EPOCH": (Fenced, _FOREIGN, "poll; whoever owns them now processes the records again"),
    "FENCED_INSTANCE_ID": (Fenced, "another consumer has this instance_id now", "stop this one"),
    "UNKNOWN_MEMBER_ID": (UnknownMember, "its session ended, or it has left", "poll: it joins again"),
    "INCONSISTENT_GROUP_PROTOCOL": (InvalidUse, "the members of the group share in another way (assignor, protocol)",
                                    "give all the same assignor"),
    "UNRELEASED_INSTANCE_ID": (UnreleasedInstanceId, "a consumer that has not left has it", "close that one first"),
    "INVALID_PRODUCER_EPOCH": (InvalidProducerEpoch, _NEWER_LIFE, "stop this producer"),
    "PRODUCER_FENCED": (InvalidProducerEpoch, _NEWER_LIFE, "stop this producer"),
    "_FENCED": (InvalidProducerEpoch, _NEWER_LIFE, "stop this producer"),
    "OUT_OF_ORDER_SEQUENCE_NUMBER": (OutOfOrderSequence, "a batch before this one is missing", "make a new producer"),
    "NOT_ENOUGH_REPLICAS": (NotEnoughReplicas, "fewer are in sync than min.insync.replicas", "wait, and send again"),
    "NOT_ENOUGH_REPLICAS_AFTER_APPEND": (
        Timeout, "the leader has it, and too few others: it may be in the log later, or not", "read before you repeat"),
    "NOT_LEADER_FOR_PARTITION": (NotLeader, "another broker leads now", "do it again"),
    "LEADER_NOT_AVAILABLE": (BrokerUnavailable, "no broker leads this at the moment", "wait, and do it again"),
    "COORDINATOR_NOT_AVAILABLE": (BrokerUnavailable, "no broker coordinates this yet", "wait, and do it again"),
    "COORDINATOR_LOAD_IN_PROGRESS": (BrokerUnavailable, "the coordinator reads its state", "wait, and do it again"),
    "UNSTABLE_OFFSET_COMMIT": (BrokerUnavailable, "a transaction that is open has offsets of this group",
                               "wait until it is committed or aborted"),
    "_WAIT_COORD": (EngineUnreachable, "the group's coordinator does not answer", "is the broker up?"),
    "_TRANSPORT": (EngineUnreachable, "no connection", "start the server, or look at the address"),
    "_ALL_BROKERS_DOWN": (EngineUnreachable, "no connection", "start the server, or look at the address"),
    "_RESOLVE": (EngineUnreachable, "the host's name is not known", "look at the address"),
}
_UNKNOWN = "the request, or only its answer, may be lost: the outcome is unknown"
for _name in ("_TIMED_OUT", "_MSG_TIMED_OUT", "REQUEST_TIMED_OUT", "_TIMED_OUT_QUEUE", "_PURGE_INFLIGHT"):
    _TABLE[_name] = Timeout, _UNKNOWN, "read what is there; an idempotent producer may send again"
_TABLE["_PURGE_QUEUE"] = (InvalidUse, "it was not sent yet when the producer was closed, or its transaction aborted",
                          "flush before you close")

TRANSIENT = frozenset({
    "_TRANSPORT", "_ALL_BROKERS_DOWN", "_RESOLVE", "_TIMED_OUT", "_MAX_POLL_EXCEEDED", "_WAIT_COORD", "_PARTITION_EOF",
    "COORDINATOR_NOT_AVAILABLE", "COORDINATOR_LOAD_IN_PROGRESS", "NOT_COORDINATOR", "REBALANCE_IN_PROGRESS",
    "ILLEGAL_GENERATION", "UNKNOWN_MEMBER_ID", "LEADER_NOT_AVAILABLE", "NOT_LEADER_FOR_PARTITION",
})
"""What a consumer overcomes by itself: a poll does not raise it."""


def kafka_error(error: Any) -> Any:
    """The KafkaError inside of a KafkaException; a KafkaError as it is."""
    return error.args[0] if isinstance(error, Exception) and error.args and hasattr(error.args[0], "name") else error


def translated(error: Any, what: str, **facts: Any) -> EvlabError:
    """The twin's error for Kafka's. what: the call that failed, in a few words. facts: attributes, besides `code`."""
    error = kafka_error(error)
    said = error.str() if hasattr(error, "str") else str(error)
    name = _name(error, said)
    kind, why, next_step = _TABLE.get(name, (KafkaRefused, "", "look the code up in Kafka's protocol guide"))
    if kind is OffsetOutOfRange and "no previously committed" in said.lower():
        kind, why, next_step = InvalidUse, 'reset="none" does not guess', 'give reset="earliest" or "latest"'
    if kind is CorruptBatch:
        return CorruptBatch(f"{what}: {said}", why=why, next_step=next_step)
    return kind(f"{what}: {said}", why=why, next_step=next_step, **{"code": name, **facts})

def check_text(name: str, value: str) -> str:
    """The text itself. Raises `InvalidUse` for half a character, which the client's C code cannot take, and for a 0."""
    with suppress(UnicodeEncodeError):
        if b"\0" not in value.encode():
            return value
    raise InvalidUse(f"{name}={value!r:.60} is no text that can be sent", why="it has half a character or a 0 in it",
                     next_step="give other characters")


def outcome(failed: EvlabError | None) -> Later:
    """A Later that is done, or failed."""
    later = Later()
    later._settle(None, failed)
    return later


def _name(error: Any, said: str) -> str:
    """Kafka's name of an error. One that stops a consumer is called "_FATAL", and has its cause in its text alone."""
    name = error.name() if hasattr(error, "name") else type(error).__name__
    if name == "_FATAL":
        causes = [one for one in _TABLE if hasattr(client.KafkaError, one)]
        return next((one for one in causes if client.KafkaError(getattr(client.KafkaError, one)).str() in said), name)
    return name


def unknown(topic: Any, topics: Iterable[str]) -> UnknownTopic:
    """The error for a topic that is not there. topics: those that are."""
    return UnknownTopic(f"there is no topic {topic}", topic=topic,
                        next_step=f"create it, or use one of {', '.join(topics) or 'none so far'}")
