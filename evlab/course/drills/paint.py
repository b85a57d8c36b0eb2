"""How cards look in a terminal: rich renderables, made from what the session says. Nothing here waits or decides.

No colour carries a meaning alone: right and wrong have a mark and a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from rich.box import ROUNDED
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from evlab.course.drills.cards import Card, Deck
from evlab.course.drills.grading import cloze_parts
from evlab.course.drills.interview import Report, clock_text
from evlab.course.drills.proof import Proved
from evlab.course.drills.sayings import in_order, verdict, when
from evlab.course.drills.scheduler import Rating
from evlab.course.drills.session import Shown, Told
from evlab.course.drills.state import TopicSummary

__all__ = ["WIDTH", "asked", "console", "hint", "inset", "numbered", "proven", "proof_code", "report_page", "stats",
           "ticks", "told_page", "words"]

WIDTH = 88
RIGHT, WRONG = "bold green", "bold red"


def console() -> Console:
    """The terminal, at most 88 columns of it: longer lines are hard to read."""
    screen = Console(highlight=False)
    return Console(highlight=False, width=min(screen.width, WIDTH))


def inset(thing: RenderableType, above: int = 0, below: int = 0) -> RenderableType:
    """The thing two columns in, with empty lines above and below."""
    return Padding(thing, (above, 2, below, 2), expand=False)


def words(text: str, style: str = "") -> Text:
    """Plain text, with `backticks` set as code. Markup in it is shown as it stands."""
    made = Text(style=style)
    for number, part in enumerate(re.split(r"`([^`]+)`", text)):
        made.append(part, "cyan" if number % 2 else "")
    return made


def asked(shown: Shown, deck: Deck, to_come: str) -> RenderableType:
    """The card as a question."""
    card = shown.card
    parts: list[RenderableType] = [words(shown.prompt, "bold")]
    if card.trace:
        parts += [Text(), Panel(Text(card.trace), box=ROUNDED, border_style="dim", expand=False)]
    if card.options:
        parts += [Text(), numbered(option.text for option in shown.options)]
    if card.items:
        parts += [Text(), numbered(shown.items)]
    if card.text:
        parts += [Text(), _gaps(card)]
    about = [card.level, f"notebook {card.notebook}"] + (["new"] if shown.new else [])
    head = Text.assemble((deck.titles[card.topic], "bold"), ("  " + " \u00b7 ".join(about), "dim"))
    if shown.because:
        parts += [Text(), Text(f"Here because of {shown.because}", "dim italic")]
    return Panel(Group(*parts), title=head, title_align="left", subtitle=Text(to_come, "dim"), subtitle_align="right",
                 box=ROUNDED, border_style="blue", padding=(1, 2))


def numbered(texts: Iterable[str], marks: Sequence[str] = ()) -> Table:
    """A list whose numbers are keys; `marks` stand before them."""
    table = Table.grid(padding=(0, 1, 0, 0))
    for number, text in enumerate(texts):
        mark = [_mark(marks[number])] if marks else []
        table.add_row(*mark, Text(str(number + 1), "bold blue"), words(text))
    return table


def ticks(texts: Iterable[str], ticked: Sequence[int]) -> Table:
    """A rubric: each point with its key and whether it is ticked."""
    table = Table.grid(padding=(0, 1, 0, 0))
    for number, text in enumerate(texts):
        table.add_row(Text("[x]" if number in ticked else "[ ]", "bold green" if number in ticked else "dim"),
                      Text(str(number + 1), "bold blue"), words(text))
    return table


def hint(*pairs: tuple[str, str]) -> RenderableType:
    """The keys that do something now: (key, what it does)."""
    line = Text()
    for key, what in pairs:
        line.append(f"{'   ' if line else ''}")
        line.append(key, "bold blue")
        line.append(f" {what}", "dim")
    return inset(line)


def told_page(told: Told, now: float) -> RenderableType:
    """What is said after the answer."""
    shown, card = told.shown, told.shown.card
    parts: list[RenderableType] = [_verdict(told), Text()]
    if card.options:
        parts += [_whys(told), Text()]
    if card.items:
        parts += [numbered(*zip(*in_order(told), strict=True)), Text()]
    if card.text:
        parts += [_filled(told), Text()]
    if card.rubric and told.given is None:
        parts += [Text("A good answer"), *[words(f"\u2022 {point.text}") for point in card.rubric], Text()]
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, style="dim")
    if shown.variant is not None and card.numeric is not None:
        table.add_row("Counted", words(f"{shown.variant.answer:,} {card.numeric.unit}  (`{card.numeric.answer}`)"))
    table.add_row("Answer", words(told.answer))
    for label, texts in (("Watch out", told.pitfalls), ("Asked next", told.follow_ups)):
        for text in texts:
            table.add_row(label, words(text))
            label = ""
    table.add_row("Taught in", Text(f"notebook {card.notebook}"))
    table.add_row("Comes again", Text(when(told.due, now)))
    return inset(Group(*parts, table), 1, 1)


def _verdict(told: Told) -> Text:
    said = verdict(told)
    if told.given is None or (told.shown.card.kind == "open" and not told.grade.right):
        return Text(f"\u2022 {said}", "bold")
    return Text(f"\u2713 {said}", RIGHT) if told.grade.right else Text(f"\u2717 {said}", WRONG)


def _whys(told: Told) -> Table:
    table = Table.grid(padding=(0, 1, 0, 0))
    chosen = None if told.given is None else told.shown.card.options[told.given]
    for number, option in enumerate(told.shown.options, 1):
        table.add_row(_mark("right" if option.right else "wrong" if option is chosen else ""),
                      Text(str(number), "bold blue"), words(option.text, "bold" if option.right else ""))
        table.add_row("", "", words(("You chose this. " if option is chosen and not option.right else "")
                                    + option.why, "" if option.right or option is chosen else "dim"))
    return table


def _gaps(card: Card) -> Text:
    text, number = "", 0
    for before, allowed in cloze_parts(card.text):
        number += bool(allowed)
        text += before + (f"`__{number}__`" if allowed else "")
    return words(text)


def _filled(told: Told) -> Text:
    made, parts = Text(), cloze_parts(told.shown.card.text)
    marks = told.grade.marks or (False,) * (len(parts) - 1)
    given = told.given or [""] * (len(parts) - 1)
    for number, (before, allowed) in enumerate(parts):
        made.append_text(words(before))
        if allowed and marks[number]:
            made.append(f"\u2713 {given[number]}", RIGHT)
        elif allowed:
            made.append(f"\u2717 {given[number]} " if given[number] else "", WRONG)
            made.append(f"[{allowed[0]}]", "bold")
    return made


def _mark(tone: str) -> Text:
    return {"right": Text("\u2713", RIGHT), "wrong": Text("\u2717", WRONG)}.get(tone, Text(" "))


def proof_code(card: Card) -> RenderableType:
    """The code that proves a card."""
    code = Syntax(card.proof.code, "python", theme="ansi_light", background_color="default", word_wrap=True)
    return inset(Group(Text("The proof", "bold"), code))


def proven(card: Card, proved: Proved) -> RenderableType:
    """What running the proof showed."""
    parts: list[RenderableType] = []
    if proved.printed.strip():
        parts += [Text("It prints", "bold"), Text(proved.printed.rstrip("\n"))]
    if proved.error:
        parts.append(Text(f"\u2717 {proved}", WRONG))
    else:
        table = Table.grid(padding=(0, 2, 0, 0))
        for said, value, wanted in ((card.proof.holds, proved.holds, True), (card.proof.fails, proved.fails, False)):
            table.add_row(_mark("right" if value is wanted else "wrong"), Text(said, "cyan"), Text(f"is {value!r}"),
                          Text("" if wanted else "the misconception", "dim"))
        parts.append(table)
    return inset(Group(*parts), 0, 1)


def stats(lines: Iterable[TopicSummary]) -> Table:
    """How far the learner is, topic by topic."""
    table = Table("topic", title="Your drills", title_justify="left")
    for column in ("cards", "seen", "due", "recall now"):
        table.add_column(column, justify="right")
    for line in lines:
        table.add_row(Text(line.title), str(line.cards), str(line.seen), str(line.due),
                      "-" if line.retention is None else f"{line.retention:.0%}")
    return table


def report_page(report: Report) -> RenderableType:
    """An interview's report."""
    table = Table("topic", title=f"{report.score:.0%} in {clock_text(report.seconds)} of "
                  f"{clock_text(report.minutes * 60)}", title_justify="left")
    table.add_column("score", justify="right")
    for name, score in report.topics().items():
        table.add_row(Text(name), f"{score:.0%}")
    parts: list[RenderableType] = [table]
    for one in report.answered:
        if one.missed:
            parts.append(Text(f"\n{one.topic}: {'you did not say' if one.reached else 'not reached'}", "bold"))
            parts += [words(f"\u2022 {point}") for point in one.missed]
    books = report.notebooks()
    parts.append(Text(f"\nRevise notebook{'s' * (len(books) > 1)} {', '.join(books)}." if books
                      else "\nNothing to revise.", "bold"))
    return inset(Group(*parts), 1, 1)


RATED = {Rating.AGAIN: "again", Rating.HARD: "hard", Rating.GOOD: "good", Rating.EASY: "easy"}
