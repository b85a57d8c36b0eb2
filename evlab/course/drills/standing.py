"""Where a learner stands: for each topic, how much of it they would recall today, and what to revise first.

A card counts by the chance that it is recalled now, as the scheduler estimates it; a card that was never answered
counts nothing. So the sum is the number of cards that an interviewer who asked all of them would hear answered.
"""

from __future__ import annotations

import time
from typing import NamedTuple

from evlab.course.drills.cards import Deck
from evlab.course.drills.deck import load_deck
from evlab.course.drills.sayings import many
from evlab.course.drills.scheduler import Rating, chance_to_recall
from evlab.course.drills.session import taught
from evlab.course.drills.state import DrillState
from evlab.course.facts import saved_mode
from evlab.viz.figure import Figure
from evlab.viz.svg import EDGE, Svg
from evlab.viz.theme import GREEN, GREY, LINE, MUTED, SKY, SMALL

__all__ = ["TopicStanding", "draw", "revise", "standings"]

WIDTH, NAMES, ROW, BAR = 800, 275, 25, 12
DAY = 86400.0
REVISE = 3
"""Topics that are named as the first to revise."""


class TopicStanding(NamedTuple):
    """One topic of the deck, as one learner knows it."""

    title: str
    notebook: str
    """The two digits of the notebook with most of its cards."""
    cards: int
    seen: int
    """Cards that were answered at least once."""
    recalled: float
    """The sum of the chances, 0 to 1 each, to recall them now."""
    due: int


def revise(*, now: float | None = None) -> Figure:
    """Your drills, topic by topic: what you would recall now, and which notebooks to revise first.

    now: seconds since 1970 UTC, such as `time.time() + 3 * 86_400` for in three days; by default this moment. A saved
    notebook shows a sample learner, who has drilled ten new cards a day for two weeks. Cards of notebooks that are not
    there are left out.
    """
    deck = load_deck()
    if saved_mode():
        return draw(_sample(deck), sample=True)
    return draw(standings(deck, DrillState(), time.time() if now is None else now))


def standings(deck: Deck, state: DrillState, now: float) -> list[TopicStanding]:
    """Each topic of the deck, in course order, as `state` says it stands at `now`."""
    memories, there = state.memories(), taught(deck)
    chances = {id: chance_to_recall(memory, now) for id, memory in memories.items() if memory.reviews}
    waiting = {id for id, memory in memories.items() if memory.due <= now}
    return _by_topic(deck, there, chances, waiting)


def draw(found: list[TopicStanding], sample: bool = False) -> Figure:
    """The topics as bars: green what would be recalled, blue hatched what has faded, grey what was never asked."""
    cards, seen = sum(one.cards for one in found), sum(one.seen for one in found)
    recalled, due = sum(one.recalled for one in found), sum(one.due for one in found)
    whose = "The sample learner would recall" if sample else "You would recall"
    title = f"{whose} {recalled:.0f} of {many(cards, 'card')}"
    advice = _advice(found)
    alt = f"{title}. {seen} were asked at least once, {due} are due. {advice}"
    svg = Svg(WIDTH, title, alt)
    y = svg.heading(f"{seen} were asked at least once; {due} are due. A card counts by its chance to be recalled.")
    y = svg.paragraph(EDGE, y + 4, advice, WIDTH - 2 * EDGE, bold=True, lines=3) + 8
    most, room = max((one.cards for one in found), default=1), WIDTH - 2 * EDGE - NAMES - 100
    for one in found:
        _row(svg, y, one, room / most)
        y += ROW
    y = _legend(svg, y + 10)
    lines = [title, f"  {advice}", "  topic | cards | asked | would be recalled | due"]
    lines += [f"  {one.title} ({one.notebook}) | {one.cards} | {one.seen} | {one.recalled:.1f} | {one.due}"
              for one in found]
    return Figure(svg.render(y + 10), alt, "\n".join(lines))


def _advice(found: list[TopicStanding]) -> str:
    """What has faded most comes first; what was never begun is not revised, but learnt."""
    begun = sorted((one for one in found if one.seen), key=lambda one: (one.recalled / one.seen, one.notebook))
    weak = [one for one in begun if one.recalled < 0.9 * one.seen][:REVISE]
    new = [one for one in found if not one.seen]
    said = ["Revise first: " + ", ".join(f"{one.notebook} {one.title}" for one in weak) + "."] if weak else [
        "Nothing to revise: in each topic that you began, the chance is 90 % or more."] if begun else []
    if new:
        said.append(f"Not begun: {many(len(new), 'topic')}, from {new[0].notebook} {new[0].title} on.")
    return " ".join(said)


def _row(svg: Svg, y: float, one: TopicStanding, card: float) -> None:
    svg.text(EDGE, y + BAR - 1, f"{one.notebook} {one.title}", size=SMALL)
    x = EDGE + NAMES
    svg.rect(x, y, one.cards * card, BAR, fill=GREY.tint, stroke=LINE)
    if one.seen:
        svg.hatch(x, y, one.seen * card, BAR, SKY)
        svg.rect(x, y, one.recalled * card, BAR, fill=GREEN.main)
    said = f"{one.recalled:.0f} of {one.cards}" + (f", {one.due} due" if one.due else "")
    svg.text(x + one.cards * card + 8, y + BAR - 1, said, size=SMALL, colour=MUTED)


def _legend(svg: Svg, y: float) -> float:
    x = EDGE + NAMES
    svg.rect(x, y, 22, BAR, fill=GREEN.main)
    svg.text(x + 28, y + BAR - 1, "would be recalled", size=SMALL, colour=MUTED)
    svg.hatch(x + 160, y, 22, BAR, SKY)
    svg.text(x + 188, y + BAR - 1, "asked, and faded", size=SMALL, colour=MUTED)
    svg.rect(x + 320, y, 22, BAR, fill=GREY.tint, stroke=LINE)
    svg.text(x + 348, y + BAR - 1, "never asked", size=SMALL, colour=MUTED)
    return y + BAR


def _by_topic(deck: Deck, there: set[str], chances: dict[str, float], waiting: set[str]) -> list[TopicStanding]:
    found = []
    for topic in dict.fromkeys(card.topic for card in deck.cards if card.id in there):
        cards = [card for card in deck.cards if card.topic == topic and card.id in there]
        books = [card.notebook for card in cards]
        found.append(TopicStanding(
            deck.titles[topic], max(sorted(set(books)), key=books.count), len(cards),
            sum(card.id in chances for card in cards), sum(chances.get(card.id, 0.0) for card in cards),
            sum(card.id in waiting for card in cards)))
    return sorted(found, key=lambda one: one.notebook)


def _sample(deck: Deck) -> list[TopicStanding]:
    """Somebody who has begun ten new cards a day for two weeks, in course order, and missed every fourth at first."""
    from evlab.course.drills.scheduler import reviewed

    there, end = taught(deck), 14 * DAY
    chances, waiting = {}, set()
    for number, card in enumerate([card for card in deck.cards if card.id in there][:140]):
        memory = reviewed(None, Rating.AGAIN if number % 4 == 3 else Rating.GOOD, number // 10 * DAY)
        while memory.due < end - DAY:
            memory = reviewed(memory, Rating.GOOD, memory.due)
        chances[card.id] = chance_to_recall(memory, end)
        if memory.due <= end:
            waiting.add(card.id)
    return _by_topic(deck, there, chances, waiting)
