"""What the arguments of producers and consumers may be; each check raises `InvalidUse`, which says what to give."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from evlab.env import LONGEST
from evlab.errors import InvalidUse
from evlab.event import Event
from evlab.log.protocol import TopicPartition
from evlab.log.topics import check_topic

__all__ = ["bytes_of_key", "check_choice", "check_name", "check_offset", "check_partition", "check_seconds",
           "check_topics", "headers_of", "of_event"]


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


# ------------------------------------------------------------------------------------------------- what is sent


def bytes_of_key(key: Any) -> bytes:
    """A key that is no bytes yet: a text in UTF-8."""
    with suppress(UnicodeEncodeError):  # half a character
        if isinstance(key, str):
            return key.encode()
    if isinstance(key, bytearray | memoryview):
        return bytes(key)
    raise InvalidUse(f"{key!r:.60} is no key of a record", why="a key is bytes, or a text",
                     next_step='give key="order-1042", or no key')


def _is_text(name: str) -> bool:
    """Can it be written as UTF-8? Half a character, which Python's strings can hold, cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def headers_of(headers: Any) -> tuple[tuple[str, bytes | None], ...]:
    """Pairs of a name and bytes."""
    pairs = tuple(headers) if isinstance(headers, Iterable) and not isinstance(headers, str | bytes | dict) else (None,)
    for pair in pairs:
        if not isinstance(pair, tuple | list) or len(pair) != 2 or type(pair[0]) is not str \
                or type(pair[1]) is not bytes and pair[1] is not None or not _is_text(pair[0]):
            raise InvalidUse(f"headers={headers!r:.60} are no headers", why="each is a text and bytes, or None",
                             next_step='give pairs, such as [("type", b"OrderPlaced")]')
    return tuple(map(tuple, pairs))


def of_event(value: Any, key: bytes | str | None, timestamp: int | None) -> tuple:
    """A value that is no bytes yet, as (value, key, timestamp): an event brings its own, where they are not given."""
    if isinstance(value, Event):
        return (value.to_json(), value.key if key is None else key,
                int(value.time.timestamp() * 1000) if timestamp is None else timestamp)
    if isinstance(value, bytearray | memoryview):
        return bytes(value), key, timestamp
    raise InvalidUse(f"{value!r:.60} is no value of a record", why="a log keeps bytes",
                     next_step="give bytes, None or an Event; text.encode() makes bytes of a text")
