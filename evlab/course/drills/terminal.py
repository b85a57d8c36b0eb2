"""The drill and the mock interview in a terminal: one key an answer, and quitting loses nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from evlab.course.drills import paint
from evlab.course.drills.cards import Card
from evlab.course.drills.grading import cloze_parts
from evlab.course.drills.interview import Interview, Report, clock_text
from evlab.course.drills.keys import BACK, END, ENTER, Keys
from evlab.course.drills.proof import prove
from evlab.course.drills.sayings import left, other_ratings, when
from evlab.course.drills.session import Session, Shown, Told
from evlab.errors import EvlabError

__all__ = ["drill", "interview"]

HELP = """1 2 3 ...  choose an option, place the next item, tick a point of the rubric
Backspace  take the last item back
Enter      go on
x          I don't know: show the answer (on a line of its own where you type)
p          prove it: run the code behind the answer (after the answer)
h, e       after a right answer: it was hard, it was easy (it comes sooner, later)
g          after a wrong one that you typed: I was right, the spelling was not
q          quit; every answer so far is kept (on a line of its own where you type)"""


class _Quit(Exception):  # noqa: N818 - not an error
    """The learner has had enough for today."""


def drill(session: Session, keys: Keys | None = None, console: Console | None = None) -> None:
    """Ask cards until there are no more or the learner quits, then say how it went."""
    keys, console = keys or Keys(), console or paint.console()
    with contextlib.suppress(_Quit), keys:
        while (shown := session.next()) is not None:
            _ask(session, shown, keys, console)
    answered, right = session.tally()
    due = session.next_due()
    if answered:
        console.print(paint.inset(Text(f"{answered} answered, {right} known.", "bold"), 1))
    elif session.shown is None:
        nothing = "Nothing is due, and today's new cards are done. `--new 20` takes more, `--all` asks every card."
        console.print(paint.inset(paint.words(nothing), 1))
    if due is not None:
        console.print(paint.inset(Text(f"The next card comes {when(due, session.clock())}."), 0, 1))


def _ask(session: Session, shown: Shown, keys: Keys, console: Console) -> None:
    console.print()
    console.print(paint.asked(shown, session.deck, left(*session.left())))
    while True:
        try:
            told = session.answer(_ANSWERS[shown.card.kind](shown, keys, console))
            break
        except EvlabError as error:  # no number, no option: say so and let them try again
            console.print(paint.inset(Text(f"{error.what} {error.next_step}".strip())))
    console.print(paint.told_page(told, session.clock()))
    _after(session, told, keys, console)


def _after(session: Session, told: Told, keys: Keys, console: Console) -> None:
    """The keys under an answer: go on, rate, prove."""
    rates = {key: (rating, words) for rating, words, key in other_ratings(told)}
    while True:
        more = [(key, words.replace("It", "it")) for key, (_, words) in rates.items()]
        key = _key(keys, console, ("Enter", "next"), *more, ("p", "prove it"), ("?", "help"), ("q", "quit"))
        if key == ENTER:
            return
        if key in rates:
            told = session.rate(rates[key][0])
            again = when(told.due, session.clock())
            console.print(paint.inset(Text(f"Rated {paint.RATED[told.rating]}: it comes again {again}."), 0, 1))
            return
        if key == "p":
            console.print(paint.proof_code(told.shown.card))
            console.print(paint.proven(told.shown.card, prove(told.shown.card, told.shown.seed)))


# ------------------------------------------------------------------- how each kind of card is answered


def _choose(shown: Shown, keys: Keys, console: Console) -> int | None:
    count = len(shown.options)
    while True:
        key = _key(keys, console, (f"1-{count}", "choose"), ("x", "don't know"), ("?", "help"), ("q", "quit"))
        if key == "x":
            return None
        if 1 <= _number(key) <= count:
            return _number(key) - 1


def _put_in_order(shown: Shown, keys: Keys, console: Console) -> list[int] | None:
    placed: list[int] = []

    def draw() -> RenderableType:
        line = "  ".join(str(place + 1) for place in placed)
        return paint.inset(Group(Text(f"Your order: {line or 'none yet'}"), paint.hint(
            ("1-" + str(len(shown.items)), "place the next"), ("Backspace", "undo"), ("x", "don't know"),
            ("q", "quit"))))

    def press(key: str) -> bool:
        if key == BACK and placed:
            placed.pop()
        elif 1 <= _number(key) <= len(shown.items) and _number(key) - 1 not in placed:
            placed.append(_number(key) - 1)
        return len(placed) == len(shown.items) or key == "x"

    return placed if _until(press, draw, keys, console) != "x" else None


def _fill_in(shown: Shown, keys: Keys, console: Console) -> list[str] | None:
    gaps = [allowed for _, allowed in cloze_parts(shown.card.text)[:-1]]
    given: list[str] = []
    for number in range(len(gaps)):
        line = _line(keys, console, f"  gap {number + 1}: " if len(gaps) > 1 else "  the gap: ", not number)
        if line is None:
            return None
        given.append(line)
    return given


def _count(shown: Shown, keys: Keys, console: Console) -> str | None:
    unit = shown.card.numeric.unit if shown.card.numeric else ""
    return _line(keys, console, f"  your number{f' ({unit})' if unit else ''}: ")


def _say_aloud(shown: Shown, keys: Keys, console: Console) -> list[int] | None:
    while True:
        key = _key(keys, console, ("Enter", "I have answered aloud"), ("x", "don't know"), ("?", "help"), ("q", "quit"))
        if key == "x":
            return None
        if key == ENTER:
            return _tick(shown.card, keys, console)


def _tick(card: Card, keys: Keys, console: Console) -> list[int]:
    ticked: list[int] = []

    def draw() -> RenderableType:
        points = paint.ticks([one.text for one in card.rubric], ticked)
        return paint.inset(Group(Text("What did you say?", "bold"), points, paint.hint(
            (f"1-{len(card.rubric)}", "tick"), ("Enter", "done"), ("q", "quit"))), 1, 1)

    def press(key: str) -> bool:
        if 1 <= _number(key) <= len(card.rubric):
            ticked.remove(_number(key) - 1) if _number(key) - 1 in ticked else ticked.append(_number(key) - 1)
        return key == ENTER

    _until(press, draw, keys, console)
    return sorted(ticked)


_ANSWERS: dict[str, Callable[[Shown, Keys, Console], Any]] = {
    "choice": _choose, "trace": _choose, "order": _put_in_order, "cloze": _fill_in, "numeric": _count,
    "open": _say_aloud}


# ------------------------------------------------------------------------------------------- the interview


def interview(talk: Interview, keys: Keys | None = None, console: Console | None = None) -> Report:
    """Ask until all is asked, the time is up or the learner quits. Prints the report and returns it, recorded."""
    keys, console = keys or Keys(), console or paint.console()
    number = 0
    with contextlib.suppress(_Quit), keys:
        while (card := talk.ask()) is not None:
            number += 1
            console.print(paint.inset(Group(
                Text.assemble((f"Question {number} of {len(talk.cards)}", "bold blue"),
                              (f"   {clock_text(talk.seconds_left())} left   {card.level}", "dim")), Text(),
                paint.words(card.prompt, "bold")), 1, 1))
            while _key(keys, console, ("Enter", "I have answered aloud"), ("q", "quit")) != ENTER:
                pass
            talk.answered()
            one = talk.tick(_tick(card, keys, console))
            console.print(paint.inset(Group(
                Text(f"{one.score:.0%}, in {clock_text(one.seconds)}", "bold"), paint.words(card.answer), Text(),
                Text("Asked next: answer these aloud too", "bold"), *[paint.words(f"\u2022 {text}")
                                                                  for text in card.follow_ups]), 0, 1))
            while _key(keys, console, ("Enter", "next"), ("q", "quit")) != ENTER:
                pass
        if number < len(talk.cards):
            console.print(paint.inset(Text("The time is up.", "bold")))
    report = talk.report()
    console.print(paint.report_page(report))
    return report


# --------------------------------------------------------------------------------------------------- keys


def _key(keys: Keys, console: Console, *hints: tuple[str, str]) -> str:
    """The next key that is not the help or the end."""
    while True:
        console.print(paint.hint(*hints))
        key = _lower(keys.key())
        if key in ("q", END):
            raise _Quit
        if key != "?":
            return key
        console.print(paint.inset(Text(HELP), 1, 1))


def _until(press: Callable[[str], bool], draw: Callable[[], RenderableType], keys: Keys, console: Console) -> str:
    """Hand keys to `press` until it is content; draw anew after each, in place where there is a terminal."""
    with Live(draw(), console=console, auto_refresh=False, transient=False, redirect_stdout=False) as live:
        while True:
            key = _lower(keys.key())
            if key in ("q", END):
                raise _Quit
            content = press(key)
            live.update(draw(), refresh=keys.terminal)
            if content:
                return key


def _line(keys: Keys, console: Console, prompt: str, first: bool = True) -> str | None:
    """A typed answer; None for "x", "I don't know"."""
    hints: Sequence[tuple[str, str]] = (("Enter", "answer"), ("x", "don't know"), ("?", "help"), ("q", "quit"))
    while True:
        if first:
            console.print(paint.hint(*hints))
        line = keys.line(prompt)
        if line is None or line.casefold() == "q":
            raise _Quit
        if line == "?":
            console.print(paint.inset(Text(HELP), 1, 1))
        elif line:
            return None if line.casefold() == "x" else line


def _lower(key: str) -> str:
    return key.lower() if len(key) == 1 else key


def _number(key: str) -> int:
    """1 to 9, or 0 for a key that is no digit (as the sign \u00b2 is none)."""
    return "123456789".find(key) + 1 if len(key) == 1 else 0
