"""A saga as a row of steps with the way back under it, and a choreography as the tree of who caused what."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from evlab.errors import InvalidUse
from evlab.event import Event
from evlab.steps import KINDS, Saga
from evlab.trace import Link, Trace
from evlab.viz.figure import Figure, drawable, several
from evlab.viz.svg import EDGE, Box, Svg, clip, wrap
from evlab.viz.theme import (
    CARD,
    GREEN,
    GREY,
    INK,
    LINE,
    MUTED,
    ORANGE,
    SKY,
    SLATE,
    SMALL,
    VERMILLION,
    Tone,
    safe,
    sentence,
    width_of,
)

__all__ = ["FlowStep", "flow_of", "saga_flow", "trace_tree"]

WIDTH, GAP, WIDEST = 900, 32, 196
"""px: how wide the picture is, what lies between two steps, and how wide one is at most."""
HIGH, LOW, BETWEEN = 74, 52, 40
"""px: a step, the box of its undo, and what lies between the two."""
MOST_STEPS, MOST_EVENTS, MOST_SERVICES = 7, 30, 6
ROW, INDENT, DEEPEST = 32, 20, 230
"""px: a row of the tree, how far a child stands to the right of its cause, and the deepest one of the first."""

OUTCOMES = {"": "not reached", "asked": "waits", "done": "done", "refused": "refused", "unknown": "unknown",
            "parked": "parked"}
"""What may have become of a step, or of its undo, and the word for it."""
BANDS = {"compensatable": "can be undone", "pivot": "pivot: the last that may say no", "retriable": "only forward"}
SHORT_BANDS = {"compensatable": "can be undone", "pivot": "pivot", "retriable": "only forward"}


class FlowStep(NamedTuple):
    """One step as it is drawn."""

    name: str
    kind: str = "compensatable"
    outcome: str = ""
    """"", "asked" (no answer yet), "done", "refused", "unknown" (it did not answer) or "parked"."""
    undo: str = ""
    """What its undo is called; "": it has none."""
    undone: str = ""
    """What became of the undo, in the same words."""
    times: int = 1
    """How often the step, or its undo if that was asked, was asked."""
    down: bool = False
    """Is its service down?"""


def flow_of(saga: Saga, events: Iterable[Event]) -> tuple[list[FlowStep], str]:
    """The steps of a saga as its stream leaves them, and how it stands: "completed", "parked: ..." and so on."""
    outcomes, undone, times = ({step.name: "" for step in saga.steps} for _ in range(3))
    undoing, how = False, ""
    for event in events:
        name, found = event.data.get("step"), undone if undoing else outcomes
        if event.type == "CommandSent":
            undoing, how = event.data["undo"], "turned back" if event.data["undo"] else "under way"
            (undone if undoing else outcomes)[name] = "asked"
            times[name] = event.data["attempt"]
        elif event.type in ("StepDone", "StepUndone"):
            found[name] = "done"
        elif event.type in ("StepRefused", "StepUnanswered"):
            found[name] = "refused" if event.type == "StepRefused" else "unknown"
        elif event.type == "SagaParked":
            (undone if event.data.get("undo", undoing) else outcomes)[name] = "parked"
            how = f"parked: {event.data['why']}"
        elif event.type == "PersonDecided" and not event.data["done"]:
            found[name] = "refused"
        elif event.type == "SagaCompleted":
            how = "completed"
        elif event.type == "SagaCompensated":
            how = f"compensated: {event.data['why']}"
    steps = [FlowStep(step.name, step.kind, outcomes[step.name], "undo" if step.compensation else "",
                      undone[step.name], times[step.name] or 1) for step in saga.steps]
    return steps, how


def saga_flow(saga: Saga | Iterable[FlowStep], events: Iterable[Event] | None = None, *, title: str,
              end: str = "") -> Figure:
    """Draw the steps of a saga from left to right with their kinds and outcomes, and the way back under them.

    saga: a `Saga` and the `events` of its stream, or `FlowStep`s; at most `MOST_STEPS`. end: how it stands, in a few
    words; read from the stream if there is one. The middle of each box is in `anchors`, by the name of its step.
    Raises `InvalidUse` for no steps or too many, a kind or an outcome that is not known, or a title without words.
    """
    if isinstance(saga, Saga):
        told = [getattr(event, "event", event) for event in several("events", events or ())]
        steps, found = flow_of(saga, several("events", told, "type", "data"))
        end = end or found
    else:
        steps = [FlowStep(*step) for step in several("saga", saga, "_fields")]
    _check(steps, title)
    alt = sentence(title) + "".join(f" {_said(step)}." for step in steps) + (f" It is {end}." if end else "")
    lines = [safe(title, 300)]
    for number, step in enumerate(steps, 1):
        mark = {"": " ", "done": "✓", "refused": "✗", "unknown": "?", "parked": "!", "asked": "…"}[step.outcome]
        back = f"  ← undo: {_word(step.undone, step.times, True)}" if step.undone else ""
        lines.append(f"  {mark} {number} {safe(step.name, 40):<20}  {step.kind:<13}  "
                     f"{_word(step.outcome, step.times, not step.undone)}{'  (its service is down)' * step.down}{back}")
    lines += [f"  {safe(end, 200)}"] if end else []
    svg = Svg(WIDTH, title, alt)
    height, anchors = _Flow(svg, steps).draw(svg.heading() + 6, end)
    return Figure(svg.render(height), alt, "\n".join(lines), anchors)


def _check(steps: list[FlowStep], title: str) -> None:
    if not isinstance(title, str) or not title.strip():
        raise InvalidUse("a picture of a saga needs a title", why="it states the finding",
                         next_step='write title="The card was refused, so the stock goes back"')
    if not 1 <= len(steps) <= MOST_STEPS:
        raise InvalidUse(f"{len(steps)} steps do not fit into a row", next_step=f"give 1 to {MOST_STEPS}")
    for step in steps:
        if step.kind not in KINDS or step.outcome not in OUTCOMES or step.undone not in OUTCOMES:
            raise InvalidUse(f"{step!r:.120} cannot be drawn", why=f"a kind is one of {', '.join(KINDS)}, an outcome "
                             f"one of {', '.join(map(repr, OUTCOMES))}", next_step="look at FlowStep")


def _word(outcome: str, times: int, asked: bool) -> str:
    open = asked and times > 1 and outcome not in ("", "done")
    return OUTCOMES[outcome] + (f", asked {times} times" if open else "")


def _said(step: FlowStep) -> str:
    back = f", its undo: {_word(step.undone, step.times, True)}" if step.undone else ""
    return f"{safe(step.name, 40)}, {step.kind}: {_word(step.outcome, step.times, not step.undone)}{back}"


def _tone(outcome: str) -> Tone:
    return {"": GREY, "asked": SKY, "done": GREEN, "refused": VERMILLION, "unknown": SKY, "parked": VERMILLION}[outcome]


class _Flow:
    """Where the boxes stand."""

    def __init__(self, svg: Svg, steps: list[FlowStep]):
        self.svg, self.steps = svg, steps
        self.wide = min(WIDEST, (WIDTH - 2 * EDGE + GAP) / len(steps) - GAP)

    def x(self, index: int) -> float:
        return EDGE + index * (self.wide + GAP)

    def draw(self, y: float, end: str) -> tuple[float, dict[str, tuple[float, float]]]:
        """All of it. Returns the height of the picture and the middles of the boxes."""
        self._bands(y)
        y += 30
        back = any(step.undo for step in self.steps)
        low = y + HIGH + BETWEEN
        for index, step in enumerate(self.steps):
            self._step(index, step, y)
            if step.undo:
                self._undo(index, step, low)
        self._forward(y + HIGH / 2)
        self._backward(y, low)
        anchors = {step.name: (self.x(index) + self.wide / 2, y + HIGH / 2) for index, step in enumerate(self.steps)}
        bottom = low + LOW if back else y + HIGH
        self._no_return(y, bottom)
        return self._end(bottom + 14, end), anchors

    def _bands(self, y: float) -> None:
        """What kind the steps are, over those of one kind."""
        kinds = [step.kind for step in self.steps]
        for kind in dict.fromkeys(kinds):
            first, last = kinds.index(kind), len(kinds) - 1 - kinds[::-1].index(kind)
            left, right = self.x(first), self.x(last) + self.wide
            words = BANDS[kind] if width_of(BANDS[kind], SMALL, True) <= right - left else SHORT_BANDS[kind]
            colour = INK if kind == "pivot" else GREY.text
            self.svg.text((left + right) / 2, y + 9, clip(words, right - left, SMALL, True), size=SMALL,
                          anchor="middle", bold=True, colour=colour)
            self.svg.line([(left, y + 22), (left, y + 17), (right, y + 17), (right, y + 22)], colour, 1.4)

    def _step(self, index: int, step: FlowStep, y: float) -> None:
        gone = step.undone == "done"
        x, tone = self.x(index), GREY if gone else _tone(step.outcome)
        self._frame(Box(x, y, x + self.wide, y + HIGH), "" if gone else step.outcome, tone,
                    line=3.5 if step.kind == "pivot" else 1.8, whole=gone)
        lines = wrap(step.name, self.wide - 16, bold=True, lines=2)
        top = y + (24 if len(lines) == 1 else 19)
        for number, words in enumerate(lines):
            self.svg.text(x + self.wide / 2, top + 16 * number, words, anchor="middle", bold=True,
                          colour=INK if step.outcome else MUTED, halo=bool(step.outcome))
        said = "done, and undone" if gone and step.outcome == "done" else "undone, to be sure" if gone else \
            _word(step.outcome, step.times, not step.undone)
        self._outcome(x + self.wide / 2, y + HIGH - 13, "" if gone else step.outcome, said, tone)
        if step.down:
            self.svg.bolt(x + self.wide - 3, y - 4, 12)

    def _undo(self, index: int, step: FlowStep, y: float) -> None:
        x, tone = self.x(index), _tone(step.undone)
        self._frame(Box(x, y, x + self.wide, y + LOW), step.undone, tone, line=1.6)
        self.svg.text(x + self.wide / 2, y + 20, clip(step.undo, self.wide - 14, SMALL, True), size=SMALL, bold=True,
                      anchor="middle", colour=INK if step.undone else MUTED, halo=bool(step.undone))
        words = _word(step.undone, step.times, True) if step.undone else self._needed(index, step)
        self._outcome(x + self.wide / 2, y + LOW - 12, step.undone, words, tone)

    def _needed(self, index: int, step: FlowStep) -> str:
        """What to say of an undo that was not asked for. Until the way is decided, nobody knows whether it will be."""
        if any(one.undone or one.outcome == "refused" for one in self.steps):  # it goes back
            waits = step.outcome == "done" and any(later.undone not in ("", "done") for later in self.steps[index + 1:])
            return "not yet" if waits else "not needed"
        forward = all(one.outcome == "done" for one in self.steps if one.kind != "retriable")
        return "not needed" if forward else "if needed"

    def _frame(self, box: Box, outcome: str, tone: Tone, *, line: float, whole: bool = False) -> None:
        """Not reached is dashed, waiting is hatched, parked has a double border; the form says it without colour."""
        x, y, w, h = box.x0, box.y0, box.x1 - box.x0, box.y1 - box.y0
        blank = not outcome and not whole
        self.svg.rect(x, y, w, h, fill=CARD if blank else tone.tint, stroke=LINE if blank else tone.main,
                      line=line, radius=8, dash="5 4" if blank else "")
        if outcome in ("asked", "unknown", "parked"):
            self.svg.hatch(x + 3, y + 3, w - 6, h - 6, tone if outcome == "parked" else SKY, radius=6)

    def _outcome(self, middle: float, y: float, outcome: str, words: str, tone: Tone) -> None:
        sign = {"done": "ok", "refused": "fail", "unknown": "?", "parked": "!"}.get(outcome, "")
        words = clip(words, self.wide - (30 if sign else 12), SMALL, True)
        left = middle - (width_of(words, SMALL, True) + (20 if sign else 0)) / 2
        if sign:
            self.svg.badge(left + 7, y - 4, sign, tone, 7)
        self.svg.text(left + (20 if sign else 0), y, words, size=SMALL, bold=bool(outcome), colour=tone.text,
                      halo=outcome in ("asked", "unknown", "parked"))

    def _forward(self, y: float) -> None:
        for index in range(1, len(self.steps)):
            reached = bool(self.steps[index].outcome)
            self.svg.arrow((self.x(index) - GAP + 4, y), (self.x(index) - 3, y), SLATE if reached else LINE,
                           dash="" if reached else "3 3")

    def _backward(self, top: float, low: float) -> None:
        """From the step at which it turned down to the first undo, and on from undo to undo, to the left."""
        undone = [index for index, step in enumerate(self.steps) if step.undone]
        if not undone:
            return
        reached = [index for index, step in enumerate(self.steps) if step.outcome]
        turn, first, middle = max(reached, default=0), undone[-1], low + LOW / 2
        if turn == first:
            x = self.x(first) + self.wide / 2
            self.svg.arrow((x, top + HIGH + 4), (x, low - 3), VERMILLION.main)
        else:
            x = self.x(turn) + self.wide / 2
            below = low + LOW / 2 if not self.steps[turn].undo else top + HIGH + BETWEEN / 2
            points = [(x, top + HIGH + 4), (x, below)]
            if below == middle:
                self.svg.line(points, VERMILLION.main, 1.6)
                self.svg.arrow((x, below), (self.x(first) + self.wide + 3, below), VERMILLION.main)
            else:
                end = self.x(first) + self.wide / 2
                self.svg.line([*points, (end, below)], VERMILLION.main, 1.6)
                self.svg.arrow((end, below), (end, low - 3), VERMILLION.main)
        for later, earlier in zip(undone[::-1], undone[-2::-1], strict=False):
            self.svg.arrow((self.x(later) - 3, middle), (self.x(earlier) + self.wide + 3, middle), VERMILLION.main)

    def _no_return(self, top: float, bottom: float) -> None:
        """What the pivot means, where it has room: under it, while nothing is undone."""
        kinds = [step.kind for step in self.steps]
        if "pivot" not in kinds or not any(step.undo for step in self.steps):
            return
        x, low = self.x(kinds.index("pivot")), top + HIGH + BETWEEN
        if any(step.undone for step in self.steps):
            return
        for line, words in enumerate(wrap("once this is done, there is no way back", WIDTH - EDGE - x, SMALL, lines=2)):
            self.svg.text(x, low + 22 + 15 * line, words, size=SMALL, colour=MUTED)
        self.svg.line([(x, low), (x + 26, low)], INK, 2.4)

    def _end(self, y: float, end: str) -> float:
        if not end:
            return y + 8
        kind = re.split("[:,;]", end)[0].strip()
        sign, tone = {"completed": ("ok", GREEN), "compensated": ("ok", GREY), "cancelled": ("ok", GREY),
                      "parked": ("!", VERMILLION), "it stands still": ("fail", VERMILLION)}.get(kind, ("…", SKY))
        self.svg.badge(EDGE + 8, y + 12, sign, tone, 8)
        return self.svg.paragraph(EDGE + 24, y + 16.5, end, WIDTH - 2 * EDGE - 24, lines=2, bold=True,
                                  colour=tone.text) + 6


# ------------------------------------------------------------------------------------------------ who caused what


def trace_tree(trace: Trace, *, title: str, notes: Mapping[str, str] | None = None) -> Figure:
    """Draw a trace: the tree of its events on the left, and on the right which service published each.

    notes: type of event -> a few words beside it, such as "and then nothing". What was heard twice, what leads back to
    its own type, and what has a cause that nobody heard are marked. Raises `InvalidUse` for an empty trace, more than
    `MOST_EVENTS` events or `MOST_SERVICES` services, or a title without words.
    """
    if not isinstance(title, str) or not title.strip():
        raise InvalidUse("a tree needs a title", why="it states the finding",
                         next_step='write title="Payment reacted to an event that nobody sent"')
    if not isinstance(trace, Trace) or not 1 <= len(trace) <= MOST_EVENTS or len(trace.services) > MOST_SERVICES:
        raise InvalidUse(f"a {type(trace).__name__} like this cannot be drawn as a tree",
                         next_step=f"give a trace of 1 to {MOST_EVENTS} events of at most {MOST_SERVICES} services")
    notes = drawable("notes", notes or {}, "get")
    cycles = list({frozenset(ring): ring for ring in reversed(trace.cycles())}.values())[::-1]  # A→B→A is B→A→B
    rings = {name for ring in cycles for name in ring}
    alt = (f"{sentence(title)} {len(trace)} events, {trace.depth} deep, by "
           f"{', '.join(safe(name or 'nobody', 40) for name in trace.services)}."
           + "".join(f" A cycle: {' → '.join(safe(name, 40) for name in ring)}." for ring in cycles))
    lines = [safe(title, 300)]
    for link in trace:
        mark = f"{'   ' * (link.depth - 1)}└─ " if link.depth else ""
        said = ", ".join(_beside(link, notes, rings))
        lines.append(f"  {mark}{safe(link.event.type, 80)}  {safe(link.event.source, 40)}"
                     f"{f'   ({said})' if said else ''}")
    lines += [f"  a cycle: {' → '.join(safe(name, 40) for name in ring)}" for ring in cycles]
    svg = Svg(WIDTH, title, alt)
    return Figure(_draw_tree(svg, trace, notes, rings), alt, "\n".join(lines))


def _draw_tree(svg: Svg, trace: Trace, notes: Mapping[str, str], rings: set[str]) -> str:
    lanes = {name: number for number, name in enumerate(trace.services)}
    step = min(104.0, 440 / len(lanes))
    left = WIDTH - EDGE - step * len(lanes)
    top = svg.heading() + 6
    for name, lane in lanes.items():
        x = left + step * (lane + 0.5)
        svg.text(x, top + 10, clip(name or "nobody", step - 6, SMALL, True), size=SMALL, anchor="middle", bold=True,
                 colour=GREEN.text)
        svg.line([(x, top + 18), (x, top + 26 + ROW * len(trace))], LINE, 1.4)
    place: dict[str, tuple[float, float, float]] = {}
    indent = min(INDENT, DEEPEST / max(trace.depth, 1))
    for row, link in enumerate(trace):
        event, y = link.event, top + 24 + ROW * (row + 0.5)
        x, lane = EDGE + 8 + indent * link.depth, left + step * (lanes[event.source] + 0.5)
        bad = event.type in rings or link.times > 1
        if link.cause is not None:
            _, before_x, before_y = place[link.cause.id]
            trunk = EDGE + 8 + indent * (link.depth - 1)
            svg.line([(trunk, before_y + 7), (trunk, y), (x - 7, y)], LINE, 1.4)
            if abs(lane - before_x) > 1:
                ahead = 9 if lane > before_x else -9
                svg.arrow((before_x, before_y), (lane - ahead, y - 2), VERMILLION.main if bad else SLATE,
                          form="double" if link.times > 1 else "arrow")
            else:
                svg.arrow((before_x, before_y + 6), (lane, y - 8), VERMILLION.main if bad else SLATE)
        place[event.id] = (x, lane, y)
    for link in trace:
        x, lane, y = place[link.event.id]
        _draw_event(svg, link, (x, lane, y), left, _beside(link, notes, rings), link.event.type in rings)
    return svg.render(top + 24 + ROW * len(trace) + 18)


def _beside(link: Link, notes: Mapping[str, str], rings: set[str]) -> list[str]:
    """What is said of an event beside it."""
    lost = link.cause is None and link.event.causation_id
    return [words for words in (f"heard {link.times} times" if link.times > 1 else "",
                                "its cause was not heard" if lost else "",
                                "in a cycle" if link.event.type in rings else "",
                                safe(notes.get(link.event.type, ""), 80)) if words]


def _draw_event(svg: Svg, link: Link, at: tuple[float, float, float], room: float, said: list[str],
                ring: bool) -> None:
    (x, lane, y), event = at, link.event
    svg.square(x, y, ORANGE, 11)
    svg.square(lane, y, ORANGE, 12)
    if ring:
        svg.rect(x - 8, y - 8, 16, 16, stroke=VERMILLION.main, line=2, radius=3)
        svg.rect(lane - 9, y - 9, 18, 18, stroke=VERMILLION.main, line=2, radius=3)
    right = svg.text(x + 12, y + 4.5, clip(event.type, room - x - 24, bold=True), bold=True).x1
    words = ", ".join(said)
    if words and room - right > 50:
        svg.text(right + 8, y + 4.5, clip(words, room - right - 18, SMALL), size=SMALL, colour=VERMILLION.text)
