"""The map of the course: the notebooks that exist, how far the learner is in each, and where they are now."""

from __future__ import annotations

import ast
import json
import os
import re
from pathlib import Path
from typing import NamedTuple

from evlab.course.data import CourseFileError, course_folder
from evlab.course.progress import Progress, saved_mode
from evlab.errors import InvalidUse
from evlab.viz.figure import Figure
from evlab.viz.svg import EDGE, Box, Svg, wrap
from evlab.viz.theme import BLUE, CARD, GREEN, LINE, MUTED, SMALL

__all__ = ["Lesson", "course_map", "lessons"]

PARTS = [("Events and delivery", 0, 3), ("Event sourcing", 4, 6), ("Read models and CQRS", 7, 9),
         ("The partitioned log", 10, 14), ("Routing and queues", 15, 16), ("Effect once", 17, 18), ("Sagas", 19, 20),
         ("Design and incident", 21, 22), ("Real engines and interviews", 23, 24)]
"""Each part with its first and last notebook."""
SHORT = {"00", "01", "02", "04", "10", "13", "17", "20"}
"""The three-hour path through the course."""
WIDTH, CARDS, HEIGHT, GAP = 880, 4, 94, 18
"""The picture's width, how many notebooks stand in a row, a card's height with a title of one line, and what lies
between cards; in px."""


class Lesson(NamedTuple):
    """One notebook on the map."""

    number: str
    """Its two digits, as in "02"."""
    title: str
    minutes: int | None
    question: str
    """What the notebook answers; "" if it does not say."""
    guesses: tuple[str, ...]
    """The ids of its predictions, in order."""


def lessons(folder: str | os.PathLike | None = None) -> list[Lesson]:
    """The notebooks in `folder` (else in the course's own), in order. Raises `CourseFileError` for a damaged one.

    Title, minutes and question come from the notebook's metadata, `{"evlab": {"title": ..., "minutes": ...,
    "question": ...}}`; what is missing there, from its first heading and the first "... min" under it.
    """
    folder = course_folder() / "notebooks" if folder is None else Path(folder)
    return [_lesson(path) for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))]


def course_map(here: str | None = None, *, folder: str | os.PathLike | None = None) -> Figure:
    """A picture of the course, with the learner's guesses in each notebook and a mark at `here`, as in "02".

    It shows the notebooks that exist, in `folder` or in the course's own. Saved notebooks show no progress. Raises
    `InvalidUse` when there is no notebook `here`.
    """
    found = lessons(folder)
    if not found:
        raise InvalidUse("There is no notebook to put on the map.",
                         next_step="Name a folder with notebooks such as 00_start_here.ipynb.")
    numbers = [lesson.number for lesson in found]
    if here is not None and here not in numbers:
        raise InvalidUse(f"There is no notebook {here!r} on the map.", why=f"It has {', '.join(numbers)}.")
    made = None if saved_mode() else {fact.id for fact in Progress().facts("guess")}
    title = _title(found, here, made)
    extra = next((lesson.question for lesson in found if lesson.number == here), "")
    return Figure(_draw(found, here, made, title, extra), title, _words(found, here, made, title))


def _lesson(path: Path) -> Lesson:
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        said = notebook.get("metadata", {}).get("evlab", {})
        cells = [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CourseFileError(f"{path.name} is not a notebook", why=str(error),
                              next_step="take the file from the course again", path=path.name) from error
    number = path.name[:2]
    prose = next((source for kind, source in cells if kind == "markdown"), "")
    heading = re.search(r"^#\s+(?:\d+[\s.:\u00b7-]*)?(.+)$", prose, re.MULTILINE)
    minutes = re.search(r"(\d+)\s*min", prose)
    title = said.get("title") or (heading[1].strip() if heading else path.stem[3:].replace("_", " "))
    return Lesson(number, title, said.get("minutes") or (int(minutes[1]) if minutes else None),
                  said.get("question", ""), _guesses([source for kind, source in cells if kind == "code"]))


def _guesses(cells: list[str]) -> tuple[str, ...]:
    """The ids in the calls of `predict`, in the order of the cells."""
    ids: dict[str, None] = {}
    for source in cells:
        try:
            tree = ast.parse(re.sub(r"^[%!].*$", "", source, flags=re.MULTILINE))
        except SyntaxError:  # a cell that fails on purpose asks nothing
            continue
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
        for call in sorted(calls, key=lambda node: (node.lineno, node.col_offset)):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            first = call.args[0]
            if name == "predict" and isinstance(first, ast.Constant) and isinstance(first.value, str):
                ids[first.value] = None
    return tuple(ids)


def _parts(found: list[Lesson]) -> list[tuple[str, list[Lesson]]]:
    """The parts that have a notebook, with their notebooks."""
    parts = [(name, [lesson for lesson in found if first <= int(lesson.number) <= last])
             for name, first, last in PARTS]
    known = {lesson for _, part in parts for lesson in part}
    parts.append(("More", [lesson for lesson in found if lesson not in known]))
    return [(name, part) for name, part in parts if part]


def _title(found: list[Lesson], here: str | None, made: set[str] | None) -> str:
    size = "1 notebook" if len(found) == 1 else f"{len(found)} notebooks"
    minutes = sum(lesson.minutes or 0 for lesson in found)
    time = f", {minutes // 60} h {minutes % 60} min" if minutes >= 60 else f", {minutes} min" if minutes else ""
    place = f"; you are in {here}" if here is not None else ""
    asked = {guess for lesson in found for guess in lesson.guesses}
    done = f". You have made {len(asked & made)} of {len(asked)} guesses" if made is not None and asked else ""
    return f"{size}{time}{place}{done}"


def _count(lesson: Lesson, made: set[str] | None) -> str:
    total = len(lesson.guesses)
    noun = "guess" if total == 1 else "guesses"
    if not total:
        return "no guesses"
    return f"{total} {noun}" if made is None else f"{len(made & set(lesson.guesses))} of {total} {noun}"


def _words(found: list[Lesson], here: str | None, made: set[str] | None, title: str) -> str:
    lines = [title]
    for name, part in _parts(found):
        lines.append(f"{name}:")
        for lesson in part:
            facts = [f"{lesson.minutes} min"] if lesson.minutes else []
            facts += [_count(lesson, made)] + (["three-hour path"] if lesson.number in SHORT else [])
            place = "  <- you are here" if lesson.number == here else ""
            lines.append(f"  {lesson.number} {lesson.title} ({', '.join(facts)}){place}")
    return "\n".join(lines)


def _draw(found: list[Lesson], here: str | None, made: set[str] | None, title: str, extra: str) -> str:
    svg = Svg(WIDTH, title, _words(found, here, made, title).replace("\n", "; "))
    y = svg.heading(extra) + 6
    wide = (WIDTH - 2 * EDGE - (CARDS - 1) * GAP) / CARDS
    high = HEIGHT + 17 * (max(len(_title_lines(lesson, wide)) for lesson in found) - 1)
    for name, part in _parts(found):
        y += 20
        svg.text(EDGE, y, name, bold=True, colour=MUTED)
        y += 12
        for index, lesson in enumerate(part):
            x, top = EDGE + index % CARDS * (wide + GAP), y + index // CARDS * (high + GAP)
            _draw_lesson(svg, Box(x, top, x + wide, top + high), lesson, lesson.number == here, made)
            if index % CARDS and index < len(part):
                svg.arrow((x - GAP + 3, top + high / 2), (x - 2, top + high / 2), MUTED)
        y += (len(part) + CARDS - 1) // CARDS * (high + GAP) - GAP + 8
    y += 20
    dot = "A dot is a guess to make." if made is None else "A filled dot is a guess you have made."
    svg.text(EDGE, y, f"3 h: on the three-hour path.  {dot}", size=SMALL, colour=MUTED)
    return svg.render(y + 18)


def _title_lines(lesson: Lesson, wide: float) -> list[str]:
    return wrap(lesson.title, wide - 28, bold=True, lines=2)


def _draw_lesson(svg: Svg, box: Box, lesson: Lesson, here: bool, made: set[str] | None) -> None:
    x, y, low = box.x0, box.y0, box.y1
    done = set() if made is None else made & set(lesson.guesses)
    whole = bool(lesson.guesses) and len(done) == len(lesson.guesses)
    svg.rect(x, y, box.x1 - x, low - y, fill=BLUE.tint if here else CARD, stroke=BLUE.main if here else LINE,
             line=2.5 if here else 1.2, radius=8)
    after = svg.text(x + 14, y + 25, lesson.number, size=15, bold=True, colour=BLUE.text)
    if here:
        svg.text(after.x1 + 9, y + 24.5, "you are here", size=SMALL, bold=True, colour=BLUE.text)
    facts = [f"{lesson.minutes} min"] if lesson.minutes else []
    facts += ["3 h"] if lesson.number in SHORT else []
    for line, words in enumerate(_title_lines(lesson, box.x1 - x)):
        svg.text(x + 14, y + 47 + 17 * line, words, bold=True)
    svg.text(x + 14, low - 29, " · ".join(facts), size=SMALL, colour=MUTED)
    dots = lesson.guesses if len(lesson.guesses) <= 6 else ()
    for index, guess in enumerate(dots):
        svg.circle(x + 18.5 + 13 * index, low - 15, 4.2, GREEN.main if guess in done else CARD,
                   GREEN.text if guess in done else "#7B8794")
    start = x + 14 + (13 * len(dots) + 4 if dots else 0)
    svg.text(start, low - 11, "all guesses made" if whole else _count(lesson, made), size=SMALL,
             colour=GREEN.text if whole else MUTED)
