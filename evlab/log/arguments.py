"""What a consumer's arguments may be; each check raises `InvalidUse` that says what to give instead."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from evlab.env import LONGEST
from evlab.errors import InvalidUse
from evlab.log.protocol import TopicPartition
from evlab.log.topics import check_topic

__all__ = ["check_choice", "check_name", "check_offset", "check_partition", "check_seconds", "check_topics"]


def check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in choices:
        raise InvalidUse(f"{name}={value!r:.40} is not known", next_step=f"give one of {', '.join(choices)}")


def check_name(name: str, value: Any, example: str) -> None:
    if not isinstance(value, str) or not value:
        raise InvalidUse(f"{name}={value!r:.40} is no name", next_step=f'give a text, such as "{example}"')


def check_topics(topics: Iterable[str] | str) -> tuple[str, ...]:
    """The names, sorted, each once."""
    if not isinstance(topics, str | list | tuple | set | frozenset) or not topics:
        raise InvalidUse(f"topics={topics!r:.40} names no topic", next_step='give "orders", or a list of names')
    return tuple(sorted({check_topic(topic) for topic in ([topics] if isinstance(topics, str) else topics)}))


def check_seconds(name: str, value: Any, least: float = 0.0) -> float:
    """Seconds, more than `least`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least < value <= LONGEST:
        raise InvalidUse(f"{name}={value!r:.40} is no length of time",
                         next_step=f"give a number of seconds above {max(least, 0.0):g}")
    return value


def check_partition(partition: Any) -> TopicPartition:
    """A pair of topic and number."""
    if not isinstance(partition, tuple) or len(partition) != 2 or not isinstance(partition[0], str):
        raise InvalidUse(f"{partition!r:.40} names no partition", next_step='give a pair, such as ("orders", 0)')
    return partition


def check_offset(offset: Any) -> int:
    if type(offset) is not int or not 0 <= offset < 2**63:
        raise InvalidUse(f"{offset!r:.40} is no offset", next_step="give 0 or more; to commit, the last offset + 1")
    return offset
