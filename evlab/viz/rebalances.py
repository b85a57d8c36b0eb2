"""Who worked on which partition, and when nobody did: the rebalances of a consumer group, drawn over time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import ceil
from typing import Any, NamedTuple

from evlab.errors import InvalidUse
from evlab.viz.figure import Figure, several
from evlab.viz.svg import EDGE, Svg, clip, round_step
from evlab.viz.theme import (
    BLUE,
    CARD,
    GREEN,
    GREY,
    INK,
    LINE,
    MUTED,
    ORANGE,
    PURPLE,
    SKY,
    SMALL,
    VERMILLION,
    Tone,
    safe,
    sentence,
    width_of,
)

__all__ = ["Hold", "gaps", "holds", "rebalance_chart"]

WIDTH = 900
BAR, TRACK, HEAD = 16, 19, 18
"""px: the height of a bar, of a bar with its distance, and of the row above a lane's bars if something happened."""
MOST_LANES, MOST_PARTITIONS = 12, 12
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, GREY)
HAPPENED = {"joined": "joins", "left": "leaves", "expired": "is out", "replaced": "is back"}

TopicPartition = tuple[str, int]


class Hold(NamedTuple):
    """A member had a partition from `begin` to `end`, in seconds."""

    member: str
    partition: TopicPartition
    begin: float
    end: float


def holds(steps: Iterable[Any], until: float, lane: Callable[[str], str] = str) -> list[Hold]:
    """Who had which partition when, as the group saw it, oldest first.

    steps: of `log.rebalances(group)`. until: where time ends. lane: a member's id -> the name to tell it by; what one
    name has without a break is one `Hold`.
    A partition is held from the share that gave it until its member joins again without it or says that it has given it
    back, until another one gets it, or until its member is out of the group.
    """
    found: list[Hold] = []
    since: dict[TopicPartition, tuple[str, float]] = {}

    def give(partition: TopicPartition, member: str | None, time: float) -> None:
        name, begin = since.get(partition, (None, time))
        if name != member:
            if name is not None and time > begin:
                found.append(Hold(name, partition, begin, time))
            since.pop(partition, None)
            if member is not None:
                since[partition] = (member, time)

    for step in steps:
        if step.time > until:
            break
        name = lane(step.member) if step.member else ""
        if step.what in ("rejoined", "left", "expired", "revoked"):
            for partition in [one for one in since if since[one][0] == name and not _keeps(step, one)]:
                give(partition, None, step.time)
        if step.what in ("assigned", "replaced"):
            for partition in step.partitions:
                give(partition, name, step.time)
    for partition in list(since):
        give(partition, None, until)
    return sorted(_joined(found), key=lambda hold: (hold.begin, hold.partition, hold.member))


def _keeps(step: Any, partition: TopicPartition) -> bool:
    """Has the member of this step the partition still, after it?"""
    if step.what == "revoked":
        return partition not in step.partitions
    return step.what == "rejoined" and partition in step.partitions


def _joined(found: list[Hold]) -> list[Hold]:
    """Those that follow on one another made one: who gives a partition back and gets it in the same instant kept it."""
    made: list[Hold] = []
    for hold in sorted(found, key=lambda hold: (hold.member, hold.partition, hold.begin)):
        if made and made[-1][:2] == hold[:2] and made[-1].end == hold.begin:
            made[-1] = made[-1]._replace(end=hold.end)
        else:
            made.append(hold)
    return made


def gaps(steps: Iterable[Any], until: float) -> list[tuple[TopicPartition, float, float]]:
    """When nobody had a partition: (partition, begin, end), counted from its first owner on."""
    found, seen = [], {}
    for hold in holds(steps, until):
        before = seen.get(hold.partition, hold.begin)
        if hold.begin > before:
            found.append((hold.partition, before, hold.begin))
        seen[hold.partition] = max(before, hold.end)
    found += [(partition, end, until) for partition, end in seen.items() if end < until]
    return sorted(found, key=lambda gap: (gap[1], gap[0]))


def rebalance_chart(steps: Iterable[Any], *, title: str, until: float | None = None, since: float = 0.0,
                    work: Iterable[tuple[float, str, TopicPartition]] = (), lane: Callable[[str], str] = str) -> Figure:
    """Draw the rebalances of a group: for each member a bar a partition, and a row for what nobody has.

    steps: of `log.rebalances(group)`. title: the finding, in a sentence. since, until: the seconds to draw; until is
    the last step by default. lane: a member's id -> the name of its lane, so that one who comes back under another id
    keeps its lane. work: (time, lane's name, partition) for each record that was finished; it becomes a tick on the
    bar, or a cross where its member did not have the partition at that time.
    Raises `InvalidUse` for no steps, a title without words, no time to draw, or more than 12 lanes or partitions.
    """
    if not isinstance(title, str) or not title.strip():
        raise InvalidUse("a chart of rebalances needs a title", why="it states the finding",
                         next_step='write title="All three stopped because one joined"')
    every = several("steps", steps, "time")
    if not every:
        raise InvalidUse("no steps", why="nobody has joined the group yet",
                         next_step="give log.rebalances(group) after a run")
    until = every[-1].time if until is None else until
    if not since < until:
        raise InvalidUse(f"from {since} s to {until} s there is no time to draw", next_step="give since < until")
    plan = _Plan(every, since, until, [(time, name, tuple(where)) for time, name, where in work], lane)
    return Figure(_draw(plan, title), plan.alt(title), "\n".join(plan.lines(title)))


class _Plan:
    """What is to be seen: lanes, who holds what, gaps, windows of rebalancing."""

    def __init__(self, steps: list, since: float, until: float, work: list, lane: Callable[[str], str]):
        self.since, self.until = since, until
        self.all = [hold for hold in holds(steps, until, lane) if hold.end > since]
        self.steps = [step for step in steps if step.time <= until]
        self.gaps = [gap for gap in gaps(steps, until) if gap[2] > since]
        self.work = [one for one in work if since <= one[0] <= until]
        self.lanes = sorted({lane(step.member) for step in self.steps if step.member}
                            | {name for _, name, _ in self.work})
        self.partitions = sorted({hold.partition for hold in self.all} | {gap[0] for gap in self.gaps}
                                 | {where for _, _, where in self.work})
        if not 1 <= len(self.lanes) <= MOST_LANES or len(self.partitions) > MOST_PARTITIONS:
            raise InvalidUse(f"{len(self.lanes)} members and {len(self.partitions)} partitions make no chart",
                             next_step=f"give 1 to {MOST_LANES} members and up to {MOST_PARTITIONS} partitions")
        self.topics = {topic for topic, _ in self.partitions}
        self.stale = [one for one in self.work if not self._had(*one)]
        self.tracks = {name: sorted({hold.partition for hold in self.all if hold.member == name}
                                    | {where for _, by, where in self.work if by == name}) for name in self.lanes}
        self.marks = [(step.time, lane(step.member), HAPPENED[step.what]) for step in self.steps
                      if step.what in HAPPENED and step.time >= since]
        self.windows = self._windows()

    def _had(self, time: float, name: str, where: TopicPartition) -> bool:
        return any(hold.member == name and hold.partition == where and hold.begin <= time <= hold.end
                   for hold in self.all)

    def _windows(self) -> list[tuple[float, float, int]]:
        """(begin, end, generation that it led to) of each rebalance; the last may still be under way."""
        found, begin = [], None
        for step in self.steps:
            if step.what == "rebalancing" and begin is None:
                begin = step.time
            elif step.what == "assigned" and begin is not None:
                found.append((begin, step.time, step.generation))
                begin = None
        if begin is not None:
            found.append((begin, self.until, self.steps[-1].generation + 1))
        return [window for window in found if window[1] >= self.since]

    def name(self, partition: TopicPartition) -> str:
        topic, number = partition
        return f"p{number}" if len(self.topics) == 1 else f"{safe(topic, 30)}-{number}"

    def tone(self, partition: TopicPartition) -> Tone:
        return COLOURS[self.partitions.index(partition) % len(COLOURS)]

    # ------------------------------------------------------------------------------------------- in words

    def alt(self, title: str) -> str:
        idle = sum(end - max(begin, self.since) for _, begin, end in self.gaps)
        told = (f"{_many(len(self.lanes), 'member')}, {_many(len(self.partitions), 'partition')}, "
                f"{_many(len(self.windows), 'rebalance')}; ")
        told += f"partitions without an owner for {idle:.1f} s in all" if self.gaps else "no partition without an owner"
        if self.stale:
            told += f"; {_many(len(self.stale), 'record')} finished by a member that did not own the partition"
        return f"{sentence(title)} {told}."

    def lines(self, title: str) -> list[str]:
        lines = [safe(title, 300)]
        for begin, end, generation in self.windows:
            lines.append(f"  rebalance {begin:.1f} to {end:.1f} s, generation {generation}")
        for name in self.lanes:
            lines.append(f"  {safe(name, 60)}: " + ", ".join(
                f"{word} at {time:.1f} s" for time, by, word in self.marks if by == name))
            for where in self.tracks[name]:
                held = [f"{max(hold.begin, self.since):.1f} to {hold.end:.1f}" for hold in self.all
                        if hold.member == name and hold.partition == where]
                lines.append(f"    {self.name(where):<4} {', '.join(held) or 'never'}{self._counted(name, where)}")
            if not self.tracks[name]:
                lines.append("    owns nothing")
        for where in self.partitions:
            idle = [f"{max(begin, self.since):.1f} to {end:.1f}" for one, begin, end in self.gaps if one == where]
            if idle:
                lines.append(f"  nobody has {self.name(where)}: {', '.join(idle)}")
        return lines

    def _counted(self, name: str, where: TopicPartition) -> str:
        done, stale = (sum(one[1:] == (name, where) for one in some) for some in (self.work, self.stale))
        if not done:
            return ""
        return f"  ({_many(done, 'record')} finished{f', {stale} of them without owning it' if stale else ''})"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


# ------------------------------------------------------------------------------------------------- the drawing


class _Page:
    """Where things stand: time to the right, lanes from top to bottom."""

    def __init__(self, plan: _Plan, top: float):
        self.plan = plan
        self.label = min(max(width_of(safe(name, 60), bold=True) for name in [*plan.lanes, "nobody"]) + 20, 170)
        self.left, self.right = EDGE + self.label, WIDTH - EDGE - 8
        self.lane: dict[str, float] = {}
        y = top + 20
        marked = {name for _, name, _ in plan.marks}
        self.head = {name: HEAD if name in marked else 2 for name in plan.lanes}
        for name in plan.lanes:
            self.lane[name] = y
            y += self.head[name] + max(1, len(plan.tracks[name])) * TRACK + 10
        self.idle = sorted({where for where, _, _ in plan.gaps})
        self.nobody = y
        self.bottom = y + (HEAD - 6 + len(self.idle) * TRACK + 4 if self.idle else 0)
        self.top = top + 14

    def x(self, time: float) -> float:
        since, until = self.plan.since, self.plan.until
        return self.left + (min(max(time, since), until) - since) / (until - since) * (self.right - self.left)

    def y(self, name: str, where: TopicPartition) -> float:
        """The top of a partition's bar in a member's lane."""
        return self.lane[name] + self.head[name] + self.plan.tracks[name].index(where) * TRACK


def _draw(plan: _Plan, title: str) -> str:
    svg = Svg(WIDTH, title, plan.alt(title))
    page = _Page(plan, svg.heading() + 4)
    _draw_windows(svg, page)
    for name, y in page.lane.items():
        svg.line([(EDGE, y - 5), (page.right, y - 5)], LINE, 1)
        middle = y + page.head[name] + max(1, len(plan.tracks[name])) * TRACK / 2
        svg.text(EDGE, middle + 2, clip(name, page.label - 8, bold=True), bold=True, colour=GREEN.text)
        if not plan.tracks[name]:
            svg.text(page.left + 6, y + page.head[name] + 12, "owns nothing", size=SMALL, colour=MUTED, halo=True)
    for hold in plan.all:
        _draw_hold(svg, page, hold)
    _draw_work(svg, page)
    for hold in plan.all:
        _name_hold(svg, page, hold)
    _draw_marks(svg, page)
    _draw_nobody(svg, page)
    y = _draw_axis(svg, page)
    return svg.render(_legend(svg, page, y) + 8)


def _draw_windows(svg: Svg, page: _Page) -> None:
    """A grey column while the group is being shared out, with the generation that it led to above its end."""
    free = 0.0
    for begin, end, generation in page.plan.windows:
        x0, x1 = page.x(begin), page.x(end)
        svg.rect(x0, page.top, max(x1 - x0, 1.5), page.bottom - page.top, fill=GREY.tint)
        words = f"generation {generation}"
        wide = width_of(words, SMALL)
        start = min(x1, page.right - wide)
        if start >= free and end < page.plan.until:
            svg.text(start, page.top - 5, words, size=SMALL, colour=MUTED)
            free = start + wide + 8


def _draw_hold(svg: Svg, page: _Page, hold: Hold) -> None:
    x0, x1, y = page.x(hold.begin), page.x(hold.end), page.y(hold.member, hold.partition)
    tone = page.plan.tone(hold.partition)
    svg.rect(x0, y, max(x1 - x0, 1.5), BAR, fill=tone.tint, stroke=tone.main, line=1.6, radius=3)


def _name_hold(svg: Svg, page: _Page, hold: Hold) -> None:
    x0, x1, y = page.x(hold.begin), page.x(hold.end), page.y(hold.member, hold.partition)
    tone, words = page.plan.tone(hold.partition), page.plan.name(hold.partition)
    if width_of(words, SMALL, True) + 8 <= x1 - x0:
        svg.text(x0 + 5, y + 12.3, words, size=SMALL, bold=True, colour=tone.text, halo=True)


def _draw_work(svg: Svg, page: _Page) -> None:
    """A tick in the lower part of the bar for each record; a cross for one that was not its member's to do."""
    stale = set(page.plan.stale)
    for time, name, where in page.plan.work:
        x, y = page.x(time), page.y(name, where)
        if (time, name, where) in stale:
            for turn in (-1, 1):
                svg.line([(x - 4, y + 8 - 4 * turn), (x + 4, y + 8 + 4 * turn)], VERMILLION.main, 2)
        else:
            svg.line([(x, y + BAR - 5), (x, y + BAR - 1)], page.plan.tone(where).main, 1.2)


def _draw_marks(svg: Svg, page: _Page) -> None:
    """Who joins, leaves, is out, is back, above the bars; in the order of time, where there is room."""
    free = dict.fromkeys(page.lane, 0.0)
    for time, name, word in page.plan.marks:
        x, wide = page.x(time), width_of(word, SMALL)
        start = min(x + 4, page.right - wide)
        if start < free[name]:
            continue
        y = page.lane[name]
        hurt = word == "is out"
        svg.line([(x, y - 1), (x, y + HEAD - 3)], VERMILLION.main if hurt else GREY.main, 1.4)
        svg.text(start, y + 11, word, size=SMALL, colour=VERMILLION.text if hurt else MUTED)
        free[name] = start + wide + 8


def _draw_nobody(svg: Svg, page: _Page) -> None:
    if not page.idle:
        return
    svg.line([(EDGE, page.nobody - 5), (page.right, page.nobody - 5)], LINE, 1)
    first = page.nobody + HEAD - 10
    svg.text(EDGE, first + len(page.idle) * TRACK / 2 + 4, "nobody", bold=True, colour=SKY.text)
    for where, begin, end in page.plan.gaps:
        x0, x1, y = page.x(begin), page.x(end), first + page.idle.index(where) * TRACK
        svg.rect(x0, y, max(x1 - x0, 1.5), BAR, fill=CARD, stroke=SKY.main, line=1.4, radius=3)
        svg.hatch(x0, y, max(x1 - x0, 1.5), BAR, SKY, radius=3)
        words = f"{page.plan.name(where)} {end - max(begin, page.plan.since):.1f} s"
        if width_of(words, SMALL, True) + 8 <= x1 - x0:
            svg.text((x0 + x1) / 2, y + 12.3, words, size=SMALL, anchor="middle", bold=True, colour=SKY.text, halo=True)


def _draw_axis(svg: Svg, page: _Page) -> float:
    y, plan = page.bottom + 6, page.plan
    svg.line([(page.left, y), (page.right, y)], GREY.main, 1)
    step = round_step(plan.until - plan.since, 10)
    tick = ceil(plan.since / step)
    while tick * step <= plan.until + 1e-9:
        x, words = page.x(tick * step), f"{tick * step:g}"
        svg.line([(x, y), (x, y + 5)], GREY.main, 1)
        svg.text(x, y + 18, words, size=SMALL, anchor="middle", colour=MUTED)
        tick += 1
    svg.text(EDGE, y + 18, "seconds", size=SMALL, colour=MUTED)
    return y + 32


def _legend(svg: Svg, page: _Page, y: float) -> float:
    """Name the forms that occur, and only those. Returns the y under them."""
    plan = page.plan

    def bar(x: float) -> None:
        svg.rect(x, y, 26, 14, fill=BLUE.tint, stroke=BLUE.main, line=1.6, radius=3)

    def window(x: float) -> None:
        svg.rect(x, y, 26, 14, fill=GREY.tint)

    def gap(x: float) -> None:
        svg.rect(x, y, 26, 14, fill=CARD, stroke=SKY.main, line=1.4, radius=3)
        svg.hatch(x, y, 26, 14, SKY, radius=3)

    def tick(x: float) -> None:
        for place in (8, 13, 18):
            svg.line([(x + place, y + 5), (x + place, y + 11)], INK, 1.2)

    def cross(x: float) -> None:
        for turn in (-1, 1):
            svg.line([(x + 9, y + 7 - 4 * turn), (x + 17, y + 7 + 4 * turn)], VERMILLION.main, 2)

    x = float(EDGE)
    for used, words, sample in ((plan.all, "owns it", bar), (plan.windows, "being shared out", window),
                                (plan.gaps, "nobody owns it", gap),
                                (len(plan.work) > len(plan.stale), "a record", tick),
                                (plan.stale, "a record of a partition it lost", cross)):
        if used:
            sample(x)
            x = svg.text(x + 32, y + 11.5, words, size=SMALL, colour=MUTED).x1 + 20
    return y + 18
