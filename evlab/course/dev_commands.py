"""`evlab dev`: for those who change the course itself."""

from __future__ import annotations

import sys

import click

__all__ = ["dev"]


@click.group(short_help="For those who change the course itself.")
def dev():
    """For those who change the course itself."""


@dev.command(short_help="Run notebooks and save them with their outputs.")
@click.argument("names", nargs=-1)
@click.option("-j", "--jobs", type=click.IntRange(1, 16), default=2, show_default=True, help="Notebooks at a time.")
def save(names: tuple[str, ...], jobs: int):
    """Run notebooks (all, or NAMES such as 03 or lab02) and save them with their outputs.

    Of a lab the master is run, which holds the solutions.
    """
    from rich.progress import MofNCompleteColumn, Progress, TextColumn

    from evlab.course import saving
    from evlab.course.workspace import saved_notebooks

    console = _console()
    columns = (TextColumn("running notebooks"), *Progress.get_default_columns()[1:2], MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=len(set(names)) or len(saved_notebooks()))

        def tell(saved: saving.Saved) -> None:
            blocked = any(fault.rule in saving.BLOCKING for fault in saved.faults)
            state = "FAILED" if saved.failure else "NOT SAVED" if blocked else "saved" if saved.changed else "as it was"
            console.print(f"{saved.name:45} {saved.seconds:5.1f} s  {state}", highlight=False, markup=False)
            for fault in [saved.failure, *saved.faults] if saved.failure else saved.faults:
                text = str(fault).replace("\n", "\n    ")
                console.print(f"    {text}", highlight=False, markup=False, soft_wrap=True)
            bar.advance(task)

        results = saving.save(names, jobs=jobs, done=tell)
    bad = sum(not saved.ok for saved in results)
    console.print(f"{len(results) - bad} notebooks are as they should be, {bad} are not", highlight=False)
    sys.exit(1 if bad else 0)


@dev.command(short_help="Write the learners' labs from the masters.")
@click.argument("names", nargs=-1)
def labs(names: tuple[str, ...]):
    """Write the notebooks that learners get, in labs/, from the masters of all labs or of NAMES such as lab01.

    Solutions become gaps; outputs, counts and cells with the tag master-only are left out.
    """
    from evlab.course.authoring import stale_labs, write_labs

    for written in write_labs(names):
        click.echo(f"{written.name:50} {'written' if written.changed else 'as it was'}")
    stale = stale_labs()
    for name in stale:
        click.echo(f"evlab: no master gives {name} any more; delete it")
    sys.exit(1 if stale else 0)


@dev.command(short_help="Prove a lab with right and wrong answers.")
@click.argument("labs", nargs=-1)
@click.option("--seeds", type=click.IntRange(1, 10_000), default=20, show_default=True, help="Seeds 0, 1, ...")
@click.option("-j", "--jobs", type=click.IntRange(1, 16), default=2, show_default=True, help="Processes at a time.")
@click.option("--only", default="", metavar="TEXT", help="Only variants with TEXT in their names.")
def check(labs: tuple[str, ...], seeds: int, jobs: int, only: str):
    """Prove all labs, or LABS such as lab01: right answers pass, wrong ones fail by their name.

    Exit code 1, and a line for each broken rule, if a lab is not proved.
    """
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from evlab.course.authoring import chosen_labs
    from evlab.course.proving import prove

    console, broken = _console(), []
    columns = (TextColumn("{task.description}"), *Progress.get_default_columns()[1:2], MofNCompleteColumn(),
               TimeElapsedColumn())
    for name in chosen_labs(labs):
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task(f"judging {name}")
            proof = prove(name, seeds=seeds, jobs=jobs, only=only,
                          tell=lambda done, total, bar=bar, task=task: bar.update(task, completed=done, total=total))
        console.print(_proof_table(proof, seeds))
        for line in [*proof.notes, *proof.broken]:
            console.print(str(line), highlight=False, markup=False, soft_wrap=True)
        broken += proof.broken
    console.print(f"{len(broken)} rules are broken" if len(broken) > 1 else "1 rule is broken" if broken else
                  "every rule is kept", highlight=False)
    sys.exit(1 if broken else 0)


def _proof_table(proof, seeds: int):
    """A line for each set of answers: what it should be given, how long that took, and whether it was."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"{proof.lab}: {len(proof.rows)} sets of answers, {seeds} seeds each", title_justify="left")
    table.add_column("answers", overflow="fold")
    table.add_column("expected", overflow="fold")
    table.add_column("s", justify="right")
    table.add_column("found", overflow="fold")
    for row in proof.rows:
        state = Text("as expected", "green")
        if row.broken:
            state = Text(row.found if row.found != row.expected else "differs with the seed", "bold red")
        name = row.variant.name.removeprefix("mutants/").removesuffix(".py")
        table.add_row(Text(name), Text(row.expected), f"{row.seconds:.1f}", state)
    return table


def _console():
    from rich.console import Console

    return Console()
