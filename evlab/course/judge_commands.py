"""`evlab check`, `evlab hint` and `evlab grade`: the judge on the command line."""

from __future__ import annotations

import os
import pathlib
import shlex
import sys

import click

from evlab.errors import EvlabError

__all__ = ["NamedPath", "check", "grade", "hint"]

_SEED = click.IntRange(0, 999_999)
MOST_TOLD = 20
"""Files that were not judged and that the terminal names; the CSV names them all."""


class NotWritten(EvlabError):
    """An output of `evlab grade` cannot be written, or would take the place of something else."""


class NamedPath(click.Path):
    """A path that is not an empty name, which Python would take for the current folder."""

    def convert(self, value, param, ctx):
        if not str(value):
            self.fail("it is empty", param, ctx)
        return super().convert(value, param, ctx)


# ----------------------------------------------------------------------------------------------------------- check


@click.command(short_help="Judge the answers in a saved notebook.")
@click.argument("files", nargs=-1, required=True, type=NamedPath(), metavar="FILE...")
@click.option("--question", metavar="lab01.q1", help="Only this question.")
@click.option("--seed", type=_SEED, default=0, help="Other hidden histories, of the same kinds.")
@click.option("--history", type=click.IntRange(0, 999), metavar="N", help="Only this history of each check.")
def check(files: tuple[str, ...], question: str | None, seed: int, history: int | None):
    """Judge the answers in the notebooks FILE... as they are saved on disk.

    Exit code 0: everything passed; 1: something did not.
    """
    work = [(file, lab, answers) for file in files for lab, answers in _answers(file, question)]
    passed = True
    for number, (file, lab, answers) in enumerate(work):
        if number:
            click.echo()
        if len(work) > 1:
            click.echo(f"{file}, {lab}")
        passed &= _check_one(file, lab, answers, question, seed, history)
    sys.exit(0 if passed else 1)


def _answers(file: str, question: str | None):
    """(lab, answers) for each lab that the file answers."""
    from evlab.course.grading_worker import labs_in
    from evlab.course.judge.answers import NotANotebook, cells_of, collect
    from evlab.course.judge.labs import find_lab, lab_of
    from evlab.course.submissions import Unfit, read_submission, shown
    from evlab.errors import InvalidUse

    labs = None
    if question is not None:
        labs = [lab_of(question)]
        if question not in (known := find_lab(labs[0]).questions):
            raise InvalidUse(f"there is no question {question!r}", next_step=f"use one of {', '.join(known)}")
    try:
        sources = cells_of(read_submission(pathlib.Path(file)), shown(file))
    except Unfit as error:
        next_step = error.next_step or "give a saved notebook; `evlab grade` takes a folder"
        raise NotANotebook(f"{shown(file)} is not judged: {error.what}", next_step=next_step) from error
    labs = labs or labs_in(sources)
    if not labs:
        raise NotANotebook(f"{shown(file)} holds no answers of any lab",
                           next_step="give the lab's notebook; an answer's cell begins with `# answer: lab01.q1`")
    return [(lab, collect(sources, lab)) for lab in labs]


def _check_one(file: str, lab: str, answers, question: str | None, seed: int, history: int | None) -> bool:
    from rich.text import Text

    from evlab.course.judge.answers import last_counts
    from evlab.course.judge.labs import find_lab
    from evlab.course.judge.verdict import Judge

    console = _console()
    with Judge(find_lab(lab), seed=seed) as judge, console.status(f"judging {lab}") as status:
        def tell(asked: str, done: int, total: int) -> None:
            status.update(f"judging {asked}: history {done} of {total}")

        verdicts = judge.judge(answers, [question] if question else None, history=history, progress=tell)
    for number, verdict in enumerate(verdicts):
        if number:
            console.print()
        for line in _lines(verdict, file):
            style = {"\u2713": "green", "\u2717": "bold red"}.get(line.strip()[:1], "")
            console.print(Text(line, style="bold" if line.startswith(verdict.question) else style), soft_wrap=True)
    if remark := last_counts(answers, [verdict.question for verdict in verdicts if not verdict.passed]):
        console.print(Text(f"\n{remark}"), soft_wrap=True)
    earned, most = sum(verdict.earned for verdict in verdicts), sum(verdict.points for verdict in verdicts)
    console.print(Text(f"\n{earned:g} of {most:g} points"))
    return all(verdict.passed for verdict in verdicts)


def _lines(verdict, file: str) -> list[str]:
    """The verdict as lines; what shows it again is a command here, and not a call in a notebook."""
    text = str(verdict)
    if verdict.seed is not None and verdict.replay in text:
        seed, history = divmod(verdict.seed, 1000)
        before, _, after = text.rpartition(verdict.replay)
        text = (f"{before}evlab check {shlex.quote(file)} --question {verdict.question} --seed {seed} "
                f"--history {history}{after}")
    return text.split("\n")


# ------------------------------------------------------------------------------------------------------------ hint


@click.command(short_help="A hint for a question, one level more each time.")
@click.argument("question", metavar="QUESTION")
def hint(question: str):
    """A hint for QUESTION (lab01.q1): what your last check found, one level more each time."""
    from evlab.course.checking import next_hint

    levels = next_hint(question)
    for number, text in enumerate(levels, 1):
        click.echo(f"{number}. {text.strip()}")
    if not levels:
        click.echo(f'evlab: there is no hint for {question}: it has passed, or no check("{question}") in your notebook '
                   f"has found a mistake yet")


# ----------------------------------------------------------------------------------------------------------- grade


@click.command(short_help="Grade a folder of submissions.")
@click.argument("path", type=NamedPath())
@click.option("-j", "--jobs", type=click.IntRange(0, 256), default=0, metavar="N",
              help="Files at a time; 0, the default, is one for each core.")
@click.option("--out", type=NamedPath(dir_okay=False, path_type=pathlib.Path), default="grades.csv",
              show_default=True, help="The grades as CSV; what is judged is kept beside it.")
@click.option("--jsonl", type=NamedPath(dir_okay=False, path_type=pathlib.Path), metavar="FILE",
              help="Whole verdicts, one line of JSON a file.")
@click.option("--html", type=NamedPath(file_okay=False, path_type=pathlib.Path), metavar="DIR",
              help="A page for each file, and an index: what to teach again.")
@click.option("--gradescope", type=NamedPath(file_okay=False, path_type=pathlib.Path), metavar="DIR",
              help="Gradescope's results.json, and one for each file if there are several.")
@click.option("--lab", default="", metavar="lab01", help="Judge this lab alone, whatever else is in the files.")
@click.option("--seed", type=_SEED, default=0, help="Other hidden histories, of the same kinds.")
@click.option("--again", is_flag=True, help="Judge everything again, also what has not changed.")
def grade(path: str, jobs: int, out: pathlib.Path, jsonl: pathlib.Path | None, html: pathlib.Path | None,
          gradescope: pathlib.Path | None, lab: str, seed: int, again: bool):
    """Grade the notebooks under PATH, a folder or a file; every file gets a row, whatever is in it.

    A second run judges only what changed. Exit code 1: the judge, or a check of the course, failed on some file.
    """
    from evlab.course import report_html, reports
    from evlab.course.grading import Stopped, state_path
    from evlab.course.grading import grade as run

    _prepare(out, jsonl)
    _prepare_folders(pathlib.Path(path).resolve(), html, gradescope)
    _all_different(out, state_path(out), jsonl, html, gradescope)
    written = [(out, reports.write_csv), (jsonl, reports.write_jsonl), (html, report_html.write_html),
               (gradescope, reports.write_gradescope)]
    with _Progress() as progress:
        try:
            grades = run(path, state=state_path(out), lab=lab, seed=seed, jobs=jobs or _cores(), again=again,
                         figures=html is not None, tell=progress.tell,
                         without={place.resolve() for place in (out, state_path(out), jsonl, html, gradescope)
                                  if place is not None})
        except Stopped as stopped:
            progress.close()
            click.echo(f"evlab: stopped; {stopped.done} of {stopped.total} files are judged and kept; next step: run "
                       f"the same command again without --again, and it goes on from there", err=True)
            sys.exit(130)
    for place, write in written:
        if place is not None:
            _write(write, grades, place)
    _summary(grades, [place for place, _ in written if place is not None])
    sys.exit(1 if grades.failed else 0)


def _all_different(*places: pathlib.Path | None) -> None:
    given = [place.resolve() for place in places if place is not None]
    if len(set(given)) < len(given):
        raise click.UsageError("two outputs have the same name")


def _prepare(*files: pathlib.Path | None) -> None:
    """Each file can be written, as far as one can tell before the work begins, and none is somebody's notebook."""
    for place in files:
        if place is not None:
            if place.suffix.lower() == ".ipynb" and place.exists():
                raise NotWritten(f"{place.name} is a notebook, and would be overwritten",
                                 next_step="name another place")
            _may_write(place, place.parent)


def _prepare_folders(graded: pathlib.Path, *folders: pathlib.Path | None) -> None:
    """Each folder can be written, and none is the graded one, or has submissions in it: what is written there would
    be taken for submissions by the next run, or the submissions for what was written."""
    for place in folders:
        if place is None:
            continue
        real = place.resolve()
        if real == graded or graded in real.parents and any(real.rglob("*.[iI][pP][yY][nN][bB]")):
            raise NotWritten(f"{place} holds submissions, and what is written there would stand among them",
                             next_step="name a folder of its own")
        _may_write(place, place if place.exists() else place.parent)


def _may_write(place: pathlib.Path, folder: pathlib.Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "the folder that it belongs to may not be written")
    except OSError as error:
        raise NotWritten(f"{place} cannot be written: {error.strerror}", next_step="name another place") from error


def _write(write, grades, place: pathlib.Path) -> None:
    try:
        write(grades, place)
    except OSError as error:
        raise NotWritten(f"{place} cannot be written: {error.strerror}; what is judged is kept",
                         next_step="make room, or name another place, and run the same command again") from error


def _summary(grades, places: list[pathlib.Path]) -> None:
    files = len(grades.files)
    unread = [row for row in grades.rows if not row.verdicts]
    click.echo(f"evlab: {files} file{'s' * (files != 1)}; judged now: {grades.judged}, known from before: "
               f"{grades.reused}, not judged: {len(unread)}")
    told = [row for row in unread if not row.failed]
    for row in told[:MOST_TOLD]:
        click.echo(f"evlab: {row.file} is not judged: {row.note}")
    if len(told) > MOST_TOLD:
        click.echo(f"evlab: and {len(told) - MOST_TOLD} more; the column note of {places[0]} says why")
    for row in grades.failed:
        click.echo(f"evlab: {row.file}: {row.note}")
    if grades.failed:
        click.echo("evlab: next step: run the same command again, which judges these files anew; what fails again is "
                   "for whoever gave you the course")
    click.echo(f"evlab: isolation: {grades.isolation}")
    click.echo(f"evlab: written: {', '.join(map(str, places))}")


class _Progress:
    """How far the grading is: a bar on a terminal, else a line every ten seconds."""

    EVERY = 10.0

    def __init__(self):
        import time

        self._clock, self._bar, self._said = time.monotonic, None, time.monotonic()
        console = _console(stderr=True)
        if console.is_terminal:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(TextColumn("judging"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
                                 console=console, transient=True)
            self._task = self._bar.add_task("", total=None)

    def __enter__(self) -> _Progress:
        if self._bar:
            self._bar.start()
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        if self._bar:
            self._bar.stop()

    def tell(self, done: int, total: int) -> None:
        if self._bar:
            self._bar.update(self._task, completed=done, total=total)
        elif self._clock() - self._said >= self.EVERY:
            self._said = self._clock()
            click.echo(f"evlab: {done} of {total} files are judged", err=True)


def _cores() -> int:
    import os

    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1


def _console(stderr: bool = False):
    from rich.console import Console

    return Console(stderr=stderr, highlight=False)
