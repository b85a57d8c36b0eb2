"""The copies of a partition side by side: what each broker has, who leads, up to where it is safe, and what is gone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from evlab.env import Dead
from evlab.errors import EvlabError, InvalidUse
from evlab.log.records import CorruptBatch, Record, decode_batches
from evlab.viz.figure import Figure, drawable
from evlab.viz.svg import EDGE, Svg, clip
from evlab.viz.theme import (
    BLUE,
    GREEN,
    GREY,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    SLATE,
    SMALL,
    VERMILLION,
    Tone,
    safe,
    sentence,
    width_of,
)

__all__ = ["Cell", "ReplicaLog", "replica_logs", "replicas"]

WIDTH, GAP, LANE, HIGH, WIDEST, NARROWEST = 900, 22, 82, 36, 62, 36
"""px: the picture, between two moments, a broker's lane, a cell's height, and its width at most and at least."""
MOST_MOMENTS, MOST_BROKERS = 4, 6
EPOCH_TONES = (ORANGE, BLUE, GREEN, PURPLE, SKY, GREY)


class Cell(NamedTuple):
    """A record in a copy."""

    words: str
    epoch: int
    """The leader's when it was written."""


class ReplicaLog(NamedTuple):
    """What one broker has of a partition."""

    broker: str
    part: str
    """leader, in sync, out of sync, down."""
    cells: dict[int, Cell]
    """Offset -> the record there. Of a broker that is down: what is on its disk."""
    high: int | None
    """Its high watermark; None if it is down."""


def replica_logs(log: Any, topic: str, partition: int = 0,
                 label: Callable[[Record], str] | None = None) -> tuple[ReplicaLog, ...]:
    """What each broker has of a partition now. label: a record -> the words in its cell; its value by default.

    Raises `UnknownTopic`.
    """
    drawable("log", log, "partitions", "metadata").partitions(topic)
    info = log.metadata.partition(topic, partition) if type(partition) is int else None
    if info is None:
        raise InvalidUse(f"{topic} has no partition {partition!r:.20}", next_step="look at log.partitions(topic)")
    return tuple(_log_of(log, topic, partition, name, info, label or _value) for name in info.replicas)


def _value(record: Record) -> str:
    return "×" if record.value is None else record.value.decode("utf-8", "replace")


def _log_of(log: Any, topic: str, number: int, broker: str, info: Any, label: Callable[[Record], str]) -> ReplicaLog:
    part = "leader" if broker == info.leader else "in sync" if broker in info.isr else "out of sync"
    try:
        replica = log.replica(topic, number, broker)
        data = b"".join(data for segment in replica.partition.segments for _, data, _ in segment.batches())
        high = replica.high_watermark
    except (EvlabError, Dead):
        data, high, part = _on_disk(log, topic, number, broker), None, "down"
    return ReplicaLog(broker, part, _cells(data, label), high)


def _on_disk(log: Any, topic: str, number: int, broker: str) -> bytes:
    """The bytes of all segments of a broker that does not run."""
    files = log._files(broker).folder(f"{topic}-{number}")
    return b"".join(files.open(name).read() for name in sorted(files.list()) if name.endswith(".log"))


def _cells(data: bytes, label: Callable[[Record], str]) -> dict[int, Cell]:
    cells = {}
    try:
        for batch in decode_batches(data):
            for record in batch.records:
                cells[record.offset] = Cell("marker" if batch.control else safe(label(record), 60), batch.leader_epoch)
    except CorruptBatch:  # what a power loss has torn: it ends here
        pass
    return cells


def replicas(*moments: tuple[str, tuple[ReplicaLog, ...]], title: str) -> Figure:
    """Draw the copies of a partition at one to four moments, from left to right.

    moments: ("the leader dies", replica_logs(log, "orders")), ... A record has the colour of its leader epoch. What a
    copy has lost since the moment before is crossed out: its cell, or its words under the cell that took its place. A
    cell that differs from the leader's at the same offset has a heavy border; each copy's own high watermark is a line.
    Raises `InvalidUse` for a title without words, no moment or too many, or copies that are none.
    """
    if not isinstance(title, str) or not title.strip():
        raise InvalidUse("a picture of replicas needs a title", why="it states the finding",
                         next_step='write title="The new leader lacks one"')
    if not 1 <= len(moments) <= MOST_MOMENTS or not all(1 <= len(logs) <= MOST_BROKERS for _, logs in moments):
        raise InvalidUse(f"{len(moments)} moments make no picture", why="each is a text and the copies of 1 to "
                         f"{MOST_BROKERS} brokers", next_step=f"give 1 to {MOST_MOMENTS} of them")
    panels, before = [], {}
    for text, logs in moments:
        panels.append(_Panel(text, logs, before))
        before = {one.broker: one.cells for one in logs}
    lines = [safe(title, 300)]
    for panel in panels:
        lines += panel.lines(single=len(panels) == 1)
    alt = f"{sentence(title)} {' '.join(panel.alt() for panel in panels)}"
    return Figure(_draw(panels, title, alt), alt, "\n".join(lines))


class _Panel:
    """One moment, and what is gone since the one before."""

    def __init__(self, text: str, logs: tuple[ReplicaLog, ...], before: dict[str, dict[int, Cell]]):
        self.text, self.logs = text, logs
        self.gone = {one.broker: {offset: cell for offset, cell in before.get(one.broker, {}).items()
                                  if one.cells.get(offset) != cell} for one in logs}
        leader = next((one.cells for one in logs if one.part == "leader"), {})
        self.other = {one.broker: {offset for offset, cell in one.cells.items()
                                   if offset in leader and leader[offset] != cell} for one in logs}

    def places(self, log: ReplicaLog) -> list[int]:
        return sorted({*log.cells, *self.gone[log.broker]})

    def epochs(self) -> set[int]:
        return {cell.epoch for log in self.logs for cells in (log.cells, self.gone[log.broker])
                for cell in cells.values()}

    def alt(self) -> str:
        lost, differ = ([log.broker for log in self.logs if some[log.broker]] for some in (self.gone, self.other))
        told = f"{safe(self.text, 80)}: " + ", ".join(f"{log.broker} {log.part}" for log in self.logs)
        told += f"; gone on {', '.join(lost)}" * bool(lost) + f"; other than the leader: {', '.join(differ)}" * bool(
            differ)
        return told + "."

    def lines(self, single: bool) -> list[str]:
        lines = [] if single and not self.text else [f"  {safe(self.text, 120)}"]
        for log in self.logs:
            high = "" if log.high is None else f", high watermark {log.high:,}"
            lines.append(f"    {safe(log.broker, 40)}, {log.part}{high}: {self._cells_said(log)}")
            if gone := self.gone[log.broker]:
                lines.append("      gone: " + ", ".join(f"{at:,} {gone[at].words}" for at in sorted(gone)[:20]))
        return lines

    def _cells_said(self, log: ReplicaLog) -> str:
        said = []
        for epoch in sorted({cell.epoch for cell in log.cells.values()}):
            words = [f"{at:,} {cell.words}".rstrip() + " (not the leader’s)" * (at in self.other[log.broker])
                     for at, cell in sorted(log.cells.items()) if cell.epoch == epoch]
            if len(words) > 8:
                words = [*words[:2], "…", *words[-3:]]
            said.append(f"epoch {epoch}: {', '.join(words)}")
        return "; ".join(said) or "empty"


# ------------------------------------------------------------------------------------------------ the picture


def _draw(panels: list[_Panel], title: str, alt: str) -> str:
    svg = Svg(WIDTH, title, alt)
    top = svg.heading() + 6
    wide = (WIDTH - 2 * EDGE - GAP * (len(panels) - 1)) / len(panels)
    most = max(1, *(len(panel.places(log)) for panel in panels for log in panel.logs))
    cell = max(NARROWEST, min(WIDEST, (wide - 8) / most))
    room = int((wide - 8) / cell)
    bottom = top
    for index, panel in enumerate(panels):
        x, y = EDGE + index * (wide + GAP), top
        if index:
            svg.line([(x - GAP / 2, top - 6), (x - GAP / 2, top + 22 + LANE * len(panel.logs) - 14)])
        if panel.text:
            svg.text(x, y + 8, clip(panel.text, wide, bold=True), bold=True)
        y += 30 if any(one.text for one in panels) else 12
        for log in panel.logs:
            _draw_lane(svg, panel, log, x, y, cell, room, wide)
            y += LANE
        bottom = max(bottom, y)
    return svg.render(_legend(svg, panels, bottom - 8) + 8)


def _draw_lane(svg: Svg, panel: _Panel, log: ReplicaLog, x: float, y: float, cell: float, room: int,
               wide: float) -> None:
    colour = {"leader": GREY.text, "down": VERMILLION.text, "out of sync": VERMILLION.text}.get(log.part, MUTED)
    high = "" if log.high is None else f", HW {log.high:,}"
    words = clip(f"{log.broker}, {log.part}{high}", wide - 30, SMALL, log.part == "leader")
    svg.text(x, y, words, size=SMALL, colour=colour, bold=log.part == "leader")
    if log.part == "down":
        svg.bolt(x + width_of(words, SMALL) + 15, y - 4, 10)
    places, y = panel.places(log), y + 11
    shown = places if len(places) <= room else places[len(places) - room + 1:]
    left = x + 4 + cell * (len(shown) < len(places))
    svg.rect(x, y - 4, left - x + max(1, len(shown)) * cell + 2, HIGH + 8, fill=GREY.tint, stroke=GREY.main, radius=5)
    if len(shown) < len(places):
        svg.text(x + 4 + cell / 2, y + 23, "…", anchor="middle", bold=True, colour=MUTED)
    for index, offset in enumerate(shown):
        _draw_cell(svg, panel, log, offset, left + index * cell, y, cell)
    if log.high is not None:
        behind = sum(offset < log.high for offset in shown)
        at = left + behind * cell - 1
        if log.high and not behind:  # it is further back than what is drawn
            return
        svg.line([(at, y - 6), (at, y + HIGH + 7)], SLATE, 3)


def _draw_cell(svg: Svg, panel: _Panel, log: ReplicaLog, offset: int, x: float, y: float, wide: float) -> None:
    gone = offset not in log.cells
    cell = panel.gone[log.broker][offset] if gone else log.cells[offset]
    tone = VERMILLION if gone else _tone(cell.epoch)
    other = offset in panel.other[log.broker]
    svg.rect(x, y, wide - 2, HIGH, fill=tone.tint, stroke=VERMILLION.main if other else tone.main,
             line=3.4 if other else 1.6, radius=3, dash="4 3" if gone else "")
    if gone:
        left, right, top, bottom = x + 3, x + wide - 5, y + 3, y + HIGH - 3
        svg.line([(left, top), (right, bottom)], VERMILLION.main, 1.4)
        svg.line([(left, bottom), (right, top)], VERMILLION.main, 1.4)
    middle = x + (wide - 2) / 2
    svg.text(middle, y + 14, clip(f"{offset:,}{' ≠' * other}", wide - 6, SMALL), size=SMALL, anchor="middle",
             colour=MUTED, halo=gone)
    svg.text(middle, y + 30, clip(cell.words, wide - 6, SMALL, True), size=SMALL, anchor="middle", bold=True,
             colour=tone.text, halo=gone)
    before = panel.gone[log.broker].get(offset)
    if before and not gone:  # another record has taken its place
        box = svg.text(middle, y + HIGH + 16, clip(before.words, wide - 6, SMALL), size=SMALL, anchor="middle",
                       colour=VERMILLION.text)
        svg.line([(box.x0 - 2, y + HIGH + 12), (box.x1 + 2, y + HIGH + 12)], VERMILLION.main, 1.4)


def _tone(epoch: int) -> Tone:
    return EPOCH_TONES[max(epoch, 0) % len(EPOCH_TONES)]


def _legend(svg: Svg, panels: list[_Panel], y: float) -> float:
    """What the forms mean, those that occur. Returns the y below it."""
    x = EDGE
    for epoch in sorted(set().union(*(panel.epochs() for panel in panels)))[:len(EPOCH_TONES)]:
        svg.square(x + 6, y, _tone(epoch), 11)
        x = svg.text(x + 16, y + 4, f"epoch {epoch}", size=SMALL, colour=MUTED).x1 + 16
    words = ["thick line: the copy’s own high watermark (HW)"] * any(
        log.high is not None for panel in panels for log in panel.logs)
    words += ["crossed out: gone since then"] * any(gone for panel in panels for gone in panel.gone.values())
    words += ["≠: not what the leader has"] * any(other for panel in panels for other in panel.other.values())
    for text in words:
        if x + width_of(text, SMALL) > WIDTH - EDGE:
            x, y = EDGE, y + 17
        x = svg.text(x, y + 4, text, size=SMALL, colour=MUTED).x1 + 16
    return y + 10
