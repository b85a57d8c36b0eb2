"""What the event store writes of an event, and how it knows that this is what it reads.

A row holds the event twice in a way: as columns, which the indexes need, and as one encoded record of everything, with
its checksum. Reading compares the two. So a flipped bit is found wherever it struck: in the record the checksum is
wrong, in a column it differs from the record.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, NamedTuple
from zlib import crc32

import msgspec

from evlab.errors import EvlabError, InvalidUse
from evlab.event import Event

__all__ = ["CorruptEvent", "Recorded", "check_number", "check_stream", "read_row", "write_row"]


class CorruptEvent(EvlabError):
    """A row that is not what was written. `stream`, `version` and `position` as far as they can be told."""


class Recorded(NamedTuple):
    """An event in the store."""

    event: Event
    stream: str
    version: int
    """1, 2, 3, ... in its stream."""
    position: int
    """1, 2, 3, ... in the whole store."""
    recorded_at: datetime
    """When it was appended, in UTC, by the store's clock. (`event.time` is its source's.)"""

    def __str__(self) -> str:
        return f"{self.position} {self.stream}/{self.version} {self.event.type}"


Columns = tuple[int, str, int, str, bytes, int]
"""position, stream, version, event id, record, checksum of the record (CRC-32)"""

_LONGEST_NAME = 255
_HALF = re.compile("[\ud800-\udfff]")  # half a character, which UTF-8 cannot write
_LARGEST = 2**63 - 1

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Recorded).decode
_FAULTS = (ValueError, TypeError, msgspec.MsgspecError, InvalidUse)


def write_row(recorded: Recorded) -> Columns:
    """The columns of a recorded event."""
    event, stream, version, position, _ = recorded
    record = _encode(recorded)
    return position, stream, version, event.id, record, crc32(record)


def read_row(columns: tuple, stream: str | None = None) -> Recorded:
    """The recorded event that `write_row` made these columns of. Raises `CorruptEvent` for any others.

    stream: of a row that was looked up in this stream's index. Its columns are the others.
    """
    if stream is None:
        position, stream, version, id, record, checksum = columns
    else:
        position, version, id, record, checksum = columns
    try:
        if crc32(record) != checksum:
            raise ValueError("its checksum is wrong")
        recorded = _decode(record)
        event, in_stream, at_version, at_position, _ = recorded
        if at_position != position or at_version != version or in_stream != stream or event.id != id:
            raise ValueError("a column says something else than the record")
        return recorded
    except _FAULTS as error:
        raise CorruptEvent(f"event {_shown(version)} of {_shown(stream)} is damaged, position {_shown(position)}",
                           why=str(error), stream=stream, version=version, position=position,
                           next_step="restore the file from a backup; nothing of this event was used") from error


def _shown(value: Any) -> str:
    return str(value)[:80]


def check_stream(stream: str) -> None:
    """Raise `InvalidUse` for what cannot name a stream."""
    if not isinstance(stream, str) or not 0 < len(stream) <= _LONGEST_NAME or (
            not stream.isascii() and _HALF.search(stream)):
        raise InvalidUse(f"{str(stream)[:60]!r} names no stream",
                         next_step=f'give a string of 1 to {_LONGEST_NAME} characters, such as "account-17"')


def check_number(name: str, value: int) -> None:
    """Raise `InvalidUse` for what is no version, position or number of events. `name`: what it is called."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST:
        raise InvalidUse(f"{name}={value!r} is no number of events", next_step="give a whole number of 0 or more")
