"""The bytes of a record batch, drawn: first as they stand in the file, then field by field with what they mean."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from evlab.errors import InvalidUse
from evlab.log.records import HEADER_SIZE, Header, check_batch, decode_records, decode_varint, read_header
from evlab.viz.figure import Figure
from evlab.viz.svg import EDGE, Svg, clip
from evlab.viz.theme import BLUE, CARD, GREY, INK, MUTED, ORANGE, SMALL, Tone, safe, sentence, width_of

__all__ = ["batch_bytes", "record_bytes"]

WIDTH = 900
PER_ROW, PAIR, LINE = 32, 24, 22
"""Bytes in a row of the dump; px from one byte to the next; px from one row to the next."""
MOST_ROWS, SHOWN = 10, 10
"""Rows of the dump that are drawn, and bytes of a field in the list."""
BRACKET = WIDTH - 104

_FIELDS = (("baseOffset", 8), ("length", 4), ("partitionLeaderEpoch", 4), ("magic", 1), ("crc", 4), ("attributes", 2),
           ("lastOffsetDelta", 4), ("baseTimestamp", 8), ("maxTimestamp", 8), ("producerId", 8), ("producerEpoch", 2),
           ("baseSequence", 4), ("recordsCount", 4))
_BROKER = ("baseOffset", "partitionLeaderEpoch")
_FIRST_CHECKED = 21


class Field(NamedTuple):
    """Some bytes that belong together."""

    start: int
    end: int
    name: str
    meaning: str
    tone: Tone
    plain: bool = False
    """Drawn white: a number of a record, between its texts."""


def batch_bytes(data: bytes, *, title: str) -> Figure:
    """Draw the batch at the start of `data`: its bytes, the fields of its header, and which of them the CRC covers.

    Grey is what the broker writes, blue what the producer writes, orange the records. The records are drawn as one
    field each, or as one in all if they are compressed. title: the finding. Raises `CorruptBatch`, and `InvalidUse`
    for a title without words.
    """
    header = _checked(data, title)
    fields = list(_header_fields(header))
    if header.codec == "none":
        places = list(_places(data, header))
        fields += [Field(start, end, f"record {number}", f"{end - start} bytes", ORANGE)
                   for number, (start, end) in enumerate(places)]
    else:
        fields.append(Field(HEADER_SIZE, header.size, "records", f"packed with {header.codec}", ORANGE))
    return _figure(data[:header.size], fields, title, checked=True)


def record_bytes(data: bytes, number: int = 0, *, title: str) -> Figure:
    """Draw record `number` of the batch at the start of `data`, field by field; numbers white, texts orange.

    Raises `CorruptBatch`, and `InvalidUse` for a compressed batch or a record that is not there.
    """
    header = _checked(data, title)
    if header.codec != "none" or not 0 <= number < header.count:
        raise InvalidUse(f"record {number} of this batch cannot be drawn", why=f"it holds {header.count}, packed: "
                         f"{header.codec}", next_step="give the number of a record of a batch with codec none")
    start, end = list(_places(data, header))[number]
    fields = [field._replace(start=field.start - start, end=field.end - start)
              for field in _record_fields(data, start, header)]
    return _figure(data[start:end], fields, title, checked=False)


def _checked(data: bytes, title: str) -> Header:
    if not isinstance(title, str) or not title.strip():
        raise InvalidUse("a picture of bytes needs a title", why="it states the finding",
                         next_step='write batch_bytes(data, title="The header takes 61 bytes")')
    if not isinstance(data, bytes | bytearray | memoryview):
        raise InvalidUse(f"{data!r:.60} are no bytes", next_step="give what encode_batch returned, or a file holds")
    header = read_header(data)
    check_batch(data, 0, header)
    decode_records(data, 0, header)
    return header


# ------------------------------------------------------------------------------------------------- what they mean


def _header_fields(header: Header) -> Iterator[Field]:
    at = 0
    for (name, size), value in zip(_FIELDS, header, strict=True):
        yield Field(at, at + size, name, _meaning(name, value, header), GREY if name in _BROKER else BLUE)
        at += size


def _meaning(name: str, value: int, header: Header) -> str:
    if name == "length":
        return f"{value}: bytes after this field, {header.size} in all"
    if name == "crc":
        return f"{value:08x}: CRC-32C of all from attributes on"
    if name == "attributes":
        marks = [word for word, there in (("transactional", header.transactional), ("control", header.control),
                                          ("delete horizon", header.has_horizon)) if there]
        return f"{value}: codec {header.codec}" + "".join(f", {mark}" for mark in marks)
    if name in ("baseTimestamp", "maxTimestamp"):
        what = " (the delete horizon)" if name == "baseTimestamp" and header.has_horizon else ""
        return f"{value}: {_moment(value)}{what}"
    if name == "lastOffsetDelta":
        return f"{value}: the last offset is {header.last_offset}"
    if value == -1:
        return "-1: none"
    return str(value) if name != "magic" else f"{value}: the format"


def _moment(ms: int) -> str:
    try:
        return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S") if ms >= 0 else "none"
    except (ValueError, OverflowError, OSError):
        return "far away"


def _places(data: bytes, header: Header) -> Iterator[tuple[int, int]]:
    """Where each record begins and ends, its length included."""
    at = HEADER_SIZE
    for _ in range(header.count):
        length, start = decode_varint(data, at, 32)
        yield at, start + length
        at = start + length


def _record_fields(data: bytes, at: int, header: Header) -> Iterator[Field]:
    length, after = decode_varint(data, at, 32)
    yield Field(at, after, "length", f"{length}: bytes that follow", ORANGE, True)
    yield Field(after, after + 1, "attributes", "0: not used", ORANGE, True)
    at = after + 1
    for name, base in (("timestampDelta", header.base_timestamp), ("offsetDelta", header.base_offset)):
        delta, after = decode_varint(data, at)
        told = _moment(base + delta) if name == "timestampDelta" else f"offset {base + delta}"
        yield Field(at, after, name, f"{delta:+d}: {told}", ORANGE, True)
        at = after
    for name in ("key", "value"):
        at = yield from _text(data, at, name)
    count, after = decode_varint(data, at, 32)
    yield Field(at, after, "headersCount", str(count), ORANGE, True)
    at = after
    for _ in range(count):
        at = yield from _text(data, at, "headerKey")
        at = yield from _text(data, at, "headerValue")


def _text(data: bytes, at: int, name: str):
    """A length and the bytes that it counts; -1 means that there are none. Returns where the next field begins."""
    length, after = decode_varint(data, at, 32)
    yield Field(at, after, f"{name}Length", f"{length}" if length >= 0 else f"-1: no {name}", ORANGE, True)
    if length > 0:
        text = data[after:after + length].decode("utf-8", "backslashreplace")
        yield Field(after, after + length, name, safe(text, 80), ORANGE)
    return after + max(length, 0)


# ------------------------------------------------------------------------------------------------------ drawing


def _figure(data: bytes, fields: list[Field], title: str, checked: bool) -> Figure:
    said = f"{len(data)} bytes in {len(fields)} fields, from {fields[0].name} to {fields[-1].name}."
    rows = [(str(field.start), field.name, _hex(data, field), field.meaning) for field in fields]
    wide = [max(len(row[column]) for row in [*rows, ("byte", "field", "hex", "")]) for column in range(3)]
    lines = [safe(title, 300), "  " + "  ".join(word.ljust(w) for word, w in
                                                zip(("byte", "field", "hex"), wide, strict=True)) + "  meaning"]
    lines += ["  " + "  ".join(word.ljust(w) for word, w in zip(row, wide, strict=False)) + f"  {row[3]}"
              for row in rows]
    if checked:
        lines.append(f"  The CRC covers the bytes {_FIRST_CHECKED} to {len(data) - 1}.")
    alt = f"{sentence(title)} {said}"
    svg = Svg(WIDTH, title, alt)
    y = _draw_dump(svg, data, fields, svg.heading() + 8)
    return Figure(svg.render(_draw_list(svg, data, fields, y + 16, checked) + 14), alt, "\n".join(lines))


def _hex(data: bytes, field: Field) -> str:
    part = data[field.start:field.end]
    return part[:SHOWN].hex(" ") + (" …" if len(part) > SHOWN else "")


def _draw_dump(svg: Svg, data: bytes, fields: list[Field], y: float) -> float:
    """The bytes as they stand in the file, each field in its colour. Returns the y below."""
    left, most = EDGE + 52, MOST_ROWS * PER_ROW
    for field in fields:
        for row in range(field.start // PER_ROW, (min(field.end, most) - 1) // PER_ROW + 1):
            first, last = max(field.start, row * PER_ROW), min(field.end, (row + 1) * PER_ROW)
            svg.rect(left + first % PER_ROW * PAIR + 1, y + row * LINE + 1, (last - first) * PAIR - 2, LINE - 3,
                     fill=CARD if field.plain else field.tone.tint, stroke=field.tone.main, line=1.2, radius=3)
    for at, byte in enumerate(data[:most]):
        row, column = divmod(at, PER_ROW)
        if not column:
            svg.text(EDGE, y + row * LINE + 15, str(at), size=SMALL, colour=MUTED)
        svg.text(left + (column + 0.5) * PAIR, y + row * LINE + 15, f"{byte:02x}", size=SMALL, anchor="middle")
    y += min(-(-len(data) // PER_ROW), MOST_ROWS) * LINE
    if len(data) > most:
        svg.text(left, y + 16, f"and {len(data) - most:,} bytes more", size=SMALL, colour=MUTED)
        y += 22
    return y


def _draw_list(svg: Svg, data: bytes, fields: list[Field], y: float, checked: bool) -> float:
    """A line for each field. Returns the y below."""
    places = (EDGE, EDGE + 52, EDGE + 232, EDGE + 452)
    for x, word in zip(places, ("byte", "field", "bytes", "meaning"), strict=True):
        svg.text(x, y + 14, word, size=SMALL, colour=MUTED)
    y += 22
    top = None
    for field in fields[:24]:
        if checked and field.start == _FIRST_CHECKED:
            top = y
        svg.rect(places[1] - 6, y + 1, 168, LINE - 3, fill=CARD if field.plain else field.tone.tint,
                 stroke=field.tone.main, line=1.2, radius=3)
        svg.text(places[0], y + 15, str(field.start), size=SMALL, colour=MUTED)
        svg.text(places[1], y + 15, clip(field.name, 156, SMALL, True), size=SMALL, bold=True, colour=field.tone.text)
        room = places[3] - places[2] - 12
        svg.text(places[2], y + 15, clip(_hex(data, field), room, SMALL), size=SMALL)
        svg.text(places[3], y + 15, clip(field.meaning, BRACKET - 16 - places[3], SMALL), size=SMALL, colour=INK)
        y += LINE
    if len(fields) > 24:
        svg.text(places[1], y + 15, f"and {len(fields) - 24:,} fields more", size=SMALL, colour=MUTED)
        y += LINE
    if top is not None:
        svg.line([(BRACKET - 8, top + 2), (BRACKET, top + 2), (BRACKET, y - 4), (BRACKET - 8, y - 4)], GREY.main, 2)
        for number, word in enumerate(("covered by", "the CRC")):
            svg.text(BRACKET + 6, (top + y) / 2 + 16 * number - 4, word, size=SMALL, colour=GREY.text)
    if checked:
        y = _legend(svg, y + 10)
    return y


def _legend(svg: Svg, y: float) -> float:
    x = float(EDGE)
    for words, tone in (("the broker writes it", GREY), ("the producer writes it", BLUE), ("records", ORANGE)):
        svg.rect(x, y + 2, 22, 14, fill=tone.tint, stroke=tone.main, line=1.2, radius=3)
        svg.text(x + 30, y + 13.5, words, size=SMALL, colour=MUTED)
        x += 30 + width_of(words, SMALL) + 24
    return y + 22
