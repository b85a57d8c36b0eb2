"""From a history to what a timeline draws: lanes, bars, arrows, marks, spans, and the columns they stand in.

Nothing here knows a pixel. timeline.py gives the columns their places and draws.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from evlab.errors import InvalidUse
from evlab.sim.history import Entry, describe
from evlab.viz.theme import safe

__all__ = ["Arrow", "Bar", "Span", "Story", "columns", "line_of", "lane_name", "read", "select", "times"]

ENDS = {"ok": "ok", "fail": "failed", "info": "unknown"}
PASSIVE = ("drop", "delay", "duplicate")
"""Entries that belong to a message; made at the instant of the send, they need no column of their own."""
IRREGULAR = ("Sent", "Paid", "Lost", "Made", "Begun", "Drawn", "Withdrawn", "Overdrawn", "Taken", "Given", "Written",
             "Left", "Won", "Sold", "Bought", "Held", "Withheld", "Put", "Set", "Reset", "Built", "Found", "Kept",
             "Gone", "Done", "Met", "Spent", "Caught", "Split")
DRAWN_OTHERWISE = (*ENDS, *PASSIVE, "invoke", "send", "deliver", "pause", "resume")


@dataclass
class Bar:
    """An operation, from its invoke to its end. A shown end without its invoke is a bar of its own."""

    begin: Entry
    end: Entry | None
    until: int | None
    """The number of the entry at which the bar ends; None: it is open until the end of the picture."""
    hidden: bool = False
    """Nobody can tell from these entries how it ended: its end may be among those that are not drawn."""
    track: int = 0
    behind: bool = False
    """It lasts while its node is behind: drawn as waiting, not as work."""

    @property
    def outcome(self) -> str:
        """ok, fail, info (unknown), or "" where the end is not shown."""
        return "" if self.hidden else self.end.kind if self.end else "info"

    @property
    def lag(self) -> bool:
        """Whether it is a time of being behind that came to its end: hatched, and without a badge."""
        return self.behind and self.outcome == "ok"

    @property
    def crashed(self) -> bool:
        """Whether it ended with its node: a bolt stands at its end."""
        return not self.hidden and self.end is None and self.until is not None

    def words(self) -> tuple[str, str]:
        """What was asked, and what came of it."""
        value = self.begin.value if self.begin.kind == "invoke" else None
        asked = safe(f"{self.begin.what} {'' if value is None else describe(value)}".strip(), 300)
        if self.lag:
            return asked, ""
        if self.end is None:
            return asked, "" if self.hidden else "unknown: no answer"
        told = self.end.value is None or (self.end.kind == "ok" and self.end.value == self.begin.value)
        why = "" if told else describe(self.end.value)
        return asked, safe(f"{ENDS[self.outcome]}{': ' if why else ''}{why}", 300)


@dataclass
class Arrow:
    """A message on its way: one arrow for each copy.

    `form`: "arrow"; "cross", dropped; "double", a second copy; "open", still under way at the end of the picture;
    "hidden", its end is not among the entries.
    """

    source: str
    target: str
    what: str
    begin: int | None
    end: int | None
    form: str = "arrow"
    remark: str = ""
    late: bool = False

    @property
    def is_event(self) -> bool:
        """Whether its label names an event: CamelCase in the past tense, as in OrderPlaced."""
        name = re.match(r"(?:[A-Z][a-z0-9]+)*([A-Z][a-z]+)(?![A-Za-z])", self.what)
        return bool(name) and (name[1].endswith("ed") or name[1] in IRREGULAR)

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(number for number in (self.begin, self.end) if number is not None)


@dataclass
class Span:
    """A stretch of a lane: "down" from crash to restart, "paused" from pause to resume."""

    kind: str
    node: str
    begin: int
    end: int | None = None


@dataclass
class Story:
    entries: list[Entry]
    lanes: list[str] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    marks: list[Entry] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)


def select(history: Iterable[Entry], only: Iterable[int | str] | None) -> tuple[list[Entry], list[Entry]]:
    """All entries, and those to draw, in order of time. `only` holds entry numbers, node names, or both; None: all."""
    try:
        every = list(history)
        wanted = None if only is None else set([only] if isinstance(only, str | int) else only)
    except TypeError as error:
        raise InvalidUse(f"a timeline cannot be drawn of this: {error}",
                         next_step="give it world.history, and only= a list of entry numbers or node names") from error
    for entry in every:
        if not isinstance(entry, Entry):
            raise InvalidUse(f"a timeline draws entries of a history, not {entry!r:.60}",
                             next_step="give it world.history, or a list of its entries")
    every.sort(key=lambda entry: (entry.time, entry.number))
    return every, [e for e in every if wanted is None or e.number in wanted or e.node in wanted]


def read(entries: list[Entry], every: list[Entry] | None = None, behind: Iterable[str] = ()) -> Story:
    """Sort the entries into what is drawn.

    `every` holds all that happened, so that an operation or a message without an end among `entries` can be told from
    one that never ended. Without it, nothing is said about how such a one ended. `behind`: names of operations that
    last while their node is behind.
    """
    story = Story(entries)
    for entry in entries:
        for node in (entry.node, entry.peer):
            if node is not None and node not in story.lanes:
                story.lanes.append(node)
    story.marks = [entry for entry in entries if entry.kind not in DRAWN_OTHERWISE]
    _read_spans(story)
    _read_bars(story, every)
    for bar in story.bars:
        bar.behind = bar.begin.what in behind
    _read_messages(story, every)
    return story


def _read_spans(story: Story) -> None:
    open_spans: dict[tuple[str, str], Span] = {}
    for entry in story.entries:
        if entry.kind in ("crash", "kill", "pause"):
            kind = "paused" if entry.kind == "pause" else "down"
            span = open_spans[entry.node, kind] = Span(kind, entry.node, entry.number)
            story.spans.append(span)
        elif entry.kind in ("restart", "resume"):
            span = open_spans.pop((entry.node, "down" if entry.kind == "restart" else "paused"), None)
            if span:
                span.end = entry.number


def _read_bars(story: Story, every: list[Entry] | None) -> None:
    ended = {e.pair for e in every or () if e.kind in ENDS}
    ends = {e.pair: e for e in story.entries if e.kind in ENDS and e.pair is not None}
    known, busy = set(), {}
    for position, entry in enumerate(story.entries):
        if entry.kind == "invoke":
            known.add(entry.number)
            end = ends.get(entry.number)
            crash = next((e.number for e in story.entries[position:]
                          if e.kind in ("crash", "kill") and e.node == entry.node), None)
            hidden = end is None and (every is None or entry.number in ended)
            bar = Bar(entry, end, end.number if end else entry.number if hidden else crash, hidden)
        elif entry.kind in ENDS and entry.pair not in known:
            bar = Bar(entry, entry, entry.number)
        else:
            continue
        tracks = busy.setdefault(entry.node, [])
        free = [track for track, until in enumerate(tracks) if until is not None and until <= entry.number]
        bar.track = free[0] if free else len(tracks)
        tracks[bar.track:bar.track + 1] = [bar.until]
        story.bars.append(bar)


def _read_messages(story: Story, every: list[Entry] | None) -> None:
    sends = {entry.number: entry for entry in story.entries if entry.kind == "send"}
    delays = {e.pair: e.value for e in story.entries if e.kind == "delay"}
    doubled = {e.pair for e in story.entries if e.kind == "duplicate"}
    copies: dict[int | None, int] = {}
    for entry in story.entries:
        if entry.kind not in ("deliver", "drop"):
            continue
        sent = sends.get(entry.pair)
        arrow = Arrow(entry.peer or "", entry.node, entry.what, sent and sent.number, entry.number)
        if entry.kind == "drop":
            arrow.source, arrow.target = entry.node, entry.peer or entry.node
            arrow.form = "cross"
            arrow.remark = "dropped" + (f": {describe(entry.value)}" if entry.value is not None else "")
        if sent:
            arrow.source, arrow.what = sent.node, sent.what
            arrow.target = sent.peer if sent.peer is not None else arrow.target
            copies[sent.number] = copies.get(sent.number, 0) + 1
        if entry.kind == "deliver" and copies.get(entry.pair, 0) > 1:
            arrow.form, arrow.remark = "double", "duplicate"
        elif entry.kind == "deliver" and entry.pair in delays:
            arrow.late, arrow.remark = True, f"delayed {_seconds(delays[entry.pair])}".strip()
        story.arrows.append(arrow)
    last = story.entries[-1].time if story.entries else 0
    arrived = {e.pair for e in every or () if e.kind in ("deliver", "drop") and e.time <= last}
    for number, entry in sends.items():
        if copies.get(number, 0) > (number in doubled):
            continue
        late = f"delayed {_seconds(delays[number])}".strip() if number in delays else ""
        if every is None or (number in arrived and not copies.get(number)):
            form, remark = "hidden", late
        else:
            form, remark = "open", "its copy is still under way" if copies.get(number) else late or "still under way"
        if form == "open" or not copies.get(number):
            story.arrows.append(Arrow(entry.node, entry.peer or entry.node, entry.what, number, None, form, remark,
                                      number in delays))


def _seconds(value) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") + " s" if isinstance(value, int | float) else describe(value or "")


# ------------------------------------------------------------------------------------------------ columns

_MAY_FOLLOW = {
    "send": {"send", "deliver", "ok", "fail", "info"},
    "invoke": {"deliver", "invoke"},
    "deliver": {"deliver"},
    "ok": {"deliver", "ok", "fail", "info"}, "fail": {"deliver", "ok", "fail", "info"},
    "info": {"deliver", "ok", "fail", "info"},
}
"""What may already stand in the same column of the same lane, for two entries of one instant."""


def columns(story: Story) -> tuple[dict[int, int], list[float]]:
    """The column of each entry (by number), and the time of each column.

    A later instant is a later column. Entries of one instant share a column unless one of them led to the other, or
    they would lie on one another.
    """
    place: dict[int, int] = {}
    instants: list[float] = []
    lane_kinds: dict[str, set[str]] = {}
    numbers: set[int | None] = set()
    for entry in story.entries:
        same = bool(instants) and instants[-1] == entry.time
        if entry.kind in PASSIVE and same and entry.pair in numbers:
            place[entry.number] = place[entry.pair]
            continue
        fits = (same and entry.pair not in numbers - {None}
                and lane_kinds.get(entry.node, set()) <= _MAY_FOLLOW.get(entry.kind, set()))
        if not fits:
            instants.append(entry.time)
            lane_kinds, numbers = {}, set()
        place[entry.number] = len(instants) - 1
        lane_kinds.setdefault(entry.node, set()).add(entry.kind)
        numbers.add(entry.number)
    return place, instants


# ------------------------------------------------------------------------------------------------ in words

def lane_name(node: str) -> str:
    """How a node is called in pictures; the world itself has no name of its own."""
    return safe(node, 80) if node else "world"


def times(entries: list[Entry]) -> tuple[str, float, int]:
    """How to write the times of these entries: the unit, how many of it are in a second, and the decimals."""
    last = max((abs(entry.time) for entry in entries), default=0)
    unit, scale = ("ms", 1000) if 0 < last < 1 else ("s", 1)
    for decimals in range(2 if unit == "ms" else 3):
        if all(abs(round(e.time * scale, decimals) - e.time * scale) < 1e-7 for e in entries):
            return unit, scale, decimals
    return unit, scale, 1 if unit == "ms" else 3


_WORDS = {"crash": "crash: power lost", "kill": "process killed", "restart": "restart", "pause": "pause",
          "resume": "resume", "cut": "link cut", "heal": "link healed", "lost": "disk", "note": "note"}


def line_of(entry: Entry, stamp: str, lit: bool) -> tuple[str, str, str, str]:
    """One entry in words: time, where, what, and what became of it."""
    value = describe(entry.value) if entry.value is not None else ""
    here, there = lane_name(entry.node), lane_name(entry.peer or "")
    where, what, result = here, entry.what, value
    if entry.kind == "send":
        where, result = f"{here} → {there}", f"sent{' ' if value else ''}{value}"
    elif entry.kind == "deliver":
        where, result = f"{there} → {here}", "delivered"
    elif entry.kind in PASSIVE:
        where = f"{here} → {there}"
        result = {"drop": f"dropped{': ' if value else ''}{value}", "duplicate": "duplicated: a second copy goes out",
                  "delay": f"delayed {_seconds(entry.value)}".strip()}[entry.kind]
    elif entry.kind == "invoke":
        what, result = f"{entry.what} {value}".strip(), "begins"
    elif entry.kind in ENDS:
        result = ENDS[entry.kind] + (f": {value}" if value else "")
    elif entry.kind in ("cut", "heal"):
        where, what, result = f"{here} → {there}", "", _WORDS[entry.kind]
    elif entry.kind == "lost":
        what, result = "", f"{value} {entry.what} lost"
    elif entry.kind in _WORDS:
        result = _WORDS[entry.kind] + (f" ({value})" if value and value not in entry.what else "")
    else:
        result = f"{entry.kind} {value}".strip()
    return (">" if lit else " ") + stamp, safe(where, 60), safe(what, 120), safe(result, 160)
