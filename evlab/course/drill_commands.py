"""`evlab drill`: the deck in a terminal, and what its authors need."""

from __future__ import annotations

import contextlib
import errno
import os
import pathlib
import sys

import click

from evlab.course.judge_commands import NamedPath

__all__ = ["drill"]


@click.command(short_help="Drill interview questions; due cards first.")
@click.option("--topic", metavar="TOPIC", help="Only this topic, such as pub-sub; --stats lists them.")
@click.option("--level", type=click.Choice(["junior", "mid", "senior", "staff"]), help="Only this level.")
@click.option("--new", type=click.IntRange(0, 1000), default=10, show_default=True, help="New cards a day.")
@click.option("--all", "every", is_flag=True, help="Ask every card once, due or not.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Other numbers and another order.")
@click.option("--stats", is_flag=True, help="Show how far you are, topic by topic.")
@click.option("--interview", is_flag=True, help="A mock interview: open questions against the clock.")
@click.option("--questions", type=click.IntRange(1, 50), default=3, show_default=True, help="Of the interview.")
@click.option("--minutes", type=click.FloatRange(1, 600), default=30, show_default=True, help="Of the interview.")
@click.option("--report", type=NamedPath(dir_okay=False), metavar="FILE",
              help="Save the interview's report there, as Markdown.")
@click.option("--anki", type=NamedPath(dir_okay=False), metavar="FILE", help="Write the cards as an Anki package.")
@click.option("--lint", "check", is_flag=True, help="Check the deck's files against every rule.")
@click.option("--proofs", is_flag=True, help="Run the proof of every card.")
def drill(topic: str | None, level: str | None, new: int, every: bool, seed: int, stats: bool, interview: bool,
          questions: int, minutes: float, report: str | None, anki: str | None, check: bool, proofs: bool):
    """Drill interview questions: what is due first, then new cards.

    One key answers, ? shows all keys, q quits. Every answer is kept at once.
    """
    if sum((stats, interview, bool(anki), check, proofs)) > 1:
        raise click.UsageError("--stats, --interview, --anki, --lint and --proofs are one thing at a time")
    if report and not interview:
        raise click.UsageError("--report goes with --interview")
    if check:
        sys.exit(_lint())
    from evlab.course.drills.deck import load_deck

    deck = load_deck()
    cards = deck.select(topic, level)
    if proofs:
        sys.exit(_prove(cards, seed))
    if anki:
        from evlab.course.drills.anki import write_anki
        from evlab.course.drills.sayings import many

        click.echo(f"evlab: {many(write_anki(deck, anki, cards), 'card')} written to {anki}; in Anki choose "
                   f"File > Import")
        return
    from evlab.course.drills import paint, terminal
    from evlab.course.drills.state import DrillState

    state = DrillState()
    if stats:
        lines = [line for line in state.summary(deck) if topic in (None, line.topic)]
        paint.console().print(paint.stats(lines))
    elif interview:
        _interview(deck, state, report, questions=questions, minutes=minutes, topic=topic, level=level, seed=seed)
    else:
        from evlab.course.drills.session import Session

        terminal.drill(Session(deck, state, topic=topic, level=level, new=new, every=every, seed=seed))


def _interview(deck, state, report: str | None, **options) -> None:
    from evlab.course.drills.interview import Interview
    from evlab.course.drills.terminal import interview
    from evlab.course.workspace import write_atomically

    place = pathlib.Path(report) if report else None
    if place is not None:
        with _writing(place):  # half an hour of answers shall not end in an error
            place.parent.mkdir(parents=True, exist_ok=True)
            if not os.access(place.parent, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    said = interview(Interview(deck, state, **options))
    if place is not None:
        with _writing(place):
            write_atomically(place, said.markdown().encode())
        click.echo(f"evlab: the report is in {report}")


@contextlib.contextmanager
def _writing(place: pathlib.Path):
    try:
        yield
    except OSError as error:
        raise click.UsageError(f"{place} cannot be written: {error.strerror}; name another place") from error


def _lint() -> int:
    """Print every fault of the deck; 1 if there is one."""
    from evlab.course.drills.deck import drills_folder, lint, load_deck, uncovered
    from evlab.course.drills.sayings import many
    from evlab.course.workspace import course_notebooks

    faults = lint()
    for fault in faults:
        click.echo(str(fault))
    if not faults:
        deck = load_deck()
        there = [name.rpartition("/")[2][:2] for name in course_notebooks()]
        for item in (open_items := uncovered(deck, there)):
            click.echo(f"plan.yaml: {item.id}: notebook {item.notebook} is there, and no card covers this item")
        if not open_items:
            files = len(list(drills_folder().glob("*.yaml"))) - (drills_folder() / "plan.yaml").exists()
            click.echo(f"evlab: {many(len(deck.cards), 'card')} in {many(files, 'file')} keep every rule")
            return 0
    return 1


def _prove(cards, seed: int) -> int:
    """Run every proof; 1 if one does not hold."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from evlab.course.drills.paint import console
    from evlab.course.drills.proof import prove
    from evlab.course.drills.sayings import many

    screen, bad = console(), 0
    with Progress(TextColumn("proving"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"),
                  console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("", total=len(cards))
        for card in cards:
            bar.update(task, description=card.id)
            proved = prove(card, seed)
            if not proved.ok:
                bad += 1
                screen.print(f"{card.topic}.yaml: {card.id}: {proved}", markup=False, soft_wrap=True)
            bar.advance(task)
    good = len(cards) - bad
    screen.print(f"{many(good, 'proof')} hold{'s' * (good == 1)}, {bad} {'does' if bad == 1 else 'do'} not")
    return 1 if bad else 0
