"""The commands of `evlab`. Each imports what it needs when it runs, so that `evlab --help` answers at once."""

from __future__ import annotations

import os
import sys

import click

from evlab.course import judge_commands
from evlab.course.dev_commands import dev
from evlab.course.drill_commands import drill

__all__ = ["evlab"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def evlab():
    """Learn event-driven architecture by running it, breaking it and replaying it."""


for command in (dev, drill, judge_commands.check, judge_commands.hint, judge_commands.grade):
    evlab.add_command(command)


@evlab.command()
@click.option("--no-browser", is_flag=True, help="Print the address instead of opening a browser.")
@click.option("--port", type=click.IntRange(1, 65535), metavar="N", help="Listen on this port of 127.0.0.1.")
@click.option("--prepare-only", is_flag=True, help="Bring workspace/ up to date and start nothing.")
def lab(no_browser: bool, port: int | None, prepare_only: bool):
    """Open JupyterLab on your own copy of the course, in workspace/."""
    from evlab.course.workspace import sync

    for line in sync().lines():
        click.echo(f"evlab: {line}")
    if prepare_only:
        click.echo("evlab: workspace/ is up to date")
        return
    from evlab.course.lab import start

    click.echo("evlab: starting JupyterLab; press Ctrl-C twice to stop it")
    sys.stdout.flush()
    sys.exit(start(browser=not no_browser, port=port))


@evlab.command()
def doctor():
    """Check that this machine is ready: OK or FAIL, with the cure."""
    from rich.table import Table

    from evlab.course.doctor import report

    found = report()
    table = Table("check", "result", "found", title="evlab doctor", title_justify="left")
    for check, status, remark in found.rows():
        table.add_row(check, f"[green]{status}[/]" if status == "OK" else f"[bold red]{status}[/]", _plain(remark))
    _console().print(table)
    sys.exit(0 if found.ok else 1)


@evlab.command()
def progress():
    """Show your guesses, quizzes and checks, notebook by notebook."""
    from rich.table import Table

    from evlab.course.progress import Progress
    from evlab.course.standing import standings

    table = Table("notebook", title="Your progress", title_justify="left")
    for column in ("guesses made", "right", "quizzes answered", "right", "checks passed"):
        table.add_column(column, justify="right")
    for line in standings(Progress().facts()):
        cells = []
        for asked, answered, right in (line.guesses, line.quizzes):
            cells += [f"{answered} of {asked}", str(right)] if asked else ["-", "-"]
        asked, _, passed = line.checks
        cells.append(f"{passed} of {asked}" if asked else "-")
        table.add_row(_plain(line.notebook), *cells)
    _console().print(table)


@evlab.command(short_help="Start a notebook afresh; yours is kept.")
@click.argument("name")
def reset(name: str):
    """Start notebook NAME afresh (03, lab02, ...); your version is kept in workspace/kept/."""
    from evlab.course import workspace

    path, kept = workspace.reset(name)
    if kept is not None:
        click.echo(f"evlab: your version is kept as workspace/kept/{kept.name}")
    click.echo(f"evlab: workspace/{path.parent.name}/{path.name} is the course's again; "
               f"if it is open, choose File > Reload Notebook from Disk")


@evlab.command(short_help="Who caused what, in the file of an event store.")
@click.argument("store", type=judge_commands.NamedPath(exists=True, dir_okay=False))
@click.argument("correlation", required=False, metavar="[ID]")
def trace(store: str, correlation: str | None):
    """Who caused what in the file STORE of an EventStore: what has the correlation id ID, as a tree.

    Without ID it lists the correlation ids, oldest first.
    """
    from evlab.errors import InvalidUse
    from evlab.store import EventStore
    from evlab.trace import trace as traced

    if not os.path.getsize(store):
        raise InvalidUse(f"{store} is empty", next_step="give the file of an EventStore that has events")
    with EventStore(store) as opened:
        events = [recorded.event for recorded in opened.read_all()]
    if correlation is not None:
        lines = str(traced(events, correlation)).splitlines()
        if not lines:
            raise InvalidUse(f"no event in {store} has the correlation id {correlation!r:.60}",
                             next_step=f"list them: evlab trace {store}")
    else:
        together: dict[str, list[str]] = {}
        for event in events:
            together.setdefault(event.correlation_id or event.id, []).append(event.type)
        lines = [f"{id}  {types[0]}{f' and {len(types) - 1} more' if len(types) > 1 else ''}"
                 for id, types in together.items()]
    for line in lines:  # what stands in an event is no command for the terminal
        click.echo("".join(letter if letter.isprintable() else "\ufffd" for letter in line))


def _console():
    from rich.console import Console

    return Console()


def _plain(text: str):
    """Text that rich shows as it is: a path in [brackets] is no markup."""
    from rich.text import Text

    return Text(text)
