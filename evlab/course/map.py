"""The map of the course: the notebooks and labs that exist, how far the learner is in each, and where they are now."""

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
from evlab.viz.svg import EDGE, Box, Svg, clip, wrap
from evlab.viz.theme import BLUE, CARD, GREEN, LINE, MUTED, SMALL

__all__ = ["Lab", "Lesson", "course_map", "labs", "lessons"]

PARTS = [("Events and delivery", 0, 3), ("Event sourcing", 4, 6), ("Read models and CQRS", 7, 9),
         ("The partitioned log", 10, 14), ("Routing and queues", 15, 16), ("Effect once", 17, 18), ("Sagas", 19, 20),
         ("Design and incident", 21, 22), ("Real engines and interviews", 23, 24)]
"""Each part with its first and last notebook."""
SHORT = {"00", "01", "02", "04", "10", "13", "17", "20"}
"""The short path through the course: one notebook for each large idea."""
BELONGS = {"lab01": "03", "lab02": "05", "lab03": "06", "lab04": "08", "lab05": "11", "lab06": "12", "lab07": "13",
           "lab08": "15", "lab09": "18", "lab10": "20", "lab11": "21", "lab12": "22"}
"""Each lab with its notebook."""
WIDTH, CARDS, HEIGHT, GAP = 880, 4, 94, 18
"""The picture's width, how many notebooks stand in a row, a card's height with a title of one line, and what lies
between cards; in px."""
LAB_HEIGHT, LAB_GAP, LAB_INSET = 46, 7, 14
"""A lab's box hangs under its notebook's card, a little narrower."""


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


class Lab(NamedTuple):
    """One lab on the map."""

    name: str
    """As in "lab01"."""
    title: str
    notebook: str
    """The two digits of the notebook that it belongs to; the last one before it, if that is not there yet."""
    checks: tuple[str, ...]
    """The ids of its questions, in order."""


def lessons(folder: str | os.PathLike | None = None) -> list[Lesson]:
    """The notebooks in `folder` (else in the course's own), in order. Raises `CourseFileError` for a damaged one.

    Title, minutes and question come from the notebook's metadata, `{"evlab": {"title": ..., "minutes": ...,
    "question": ...}}`; what is missing there, from its first heading and the first "... min" under it.
    """
    folder = course_folder() / "notebooks" if folder is None else Path(folder)
    return [_lesson(path) for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))]


def labs(folder: str | os.PathLike | None = None) -> list[Lab]:
    """The labs that stand beside `folder` with its notebooks (else beside the course's own), in order. A title comes
    from the lab's metadata or first heading. Raises `CourseFileError` for a damaged one."""
    numbers = [lesson.number for lesson in lessons(folder)]
    folder = course_folder() / "notebooks" if folder is None else Path(folder)
    return [_lab(path, numbers) for path in sorted((folder.parent / "labs").glob("lab[0-9][0-9]_*.ipynb"))]


def course_map(here: str | None = None, *, folder: str | os.PathLike | None = None) -> Figure:
    """A picture of the course, with the learner's guesses in each notebook, the checks passed in each lab, and a mark
    at `here`, as in "02".

    It shows the notebooks that exist, in `folder` or in the course's own, and the labs beside them. Saved notebooks
    show no progress. Raises `InvalidUse` when there is no notebook `here`.
    """
    found = lessons(folder)
    if not found:
        raise InvalidUse("There is no notebook to put on the map.",
                         next_step="Name a folder with notebooks such as 00_start_here.ipynb.")
    numbers = [lesson.number for lesson in found]
    if here is not None and here not in numbers:
        raise InvalidUse(f"There is no notebook {here!r} on the map.", next_step=f"Name one of {', '.join(numbers)}.")
    hung = labs(folder)
    made = passed = None
    if not saved_mode():
        facts = Progress()
        made = {fact.id for fact in facts.facts("guess")}
        passed = {fact.id for fact in facts.facts("check") if fact.right}
    title = _title(found, hung, here, made, passed)
    text = _words(found, hung, here, made, passed, title)
    extra = next((lesson.question for lesson in found if lesson.number == here), "")
    return Figure(_draw(found, hung, here, made, passed, title, extra), title, text)


def _lesson(path: Path) -> Lesson:
    said, cells = _read(path)
    prose = next((source for kind, source in cells if kind == "markdown"), "")
    minutes = re.search(r"(\d+)\s*min", prose)
    return Lesson(path.name[:2], _titled(said, prose, path.stem[3:]),
                  said.get("minutes") or (int(minutes[1]) if minutes else None), said.get("question", ""),
                  _asked("predict", [source for kind, source in cells if kind == "code"]))


def _lab(path: Path, numbers: list[str]) -> Lab:
    said, cells = _read(path)
    prose = next((source for kind, source in cells if kind == "markdown"), "")
    name = path.name[:5]
    wanted = BELONGS.get(name, numbers[-1])
    before = [number for number in numbers if number <= wanted]
    return Lab(name, _titled(said, prose, path.stem[6:]), (before or numbers)[-1 if before else 0],
               _asked("check", [source for kind, source in cells if kind == "code"]))


def _read(path: Path) -> tuple[dict, list[tuple[str, str]]]:
    """What the notebook's metadata say of it, and (kind, source) of its cells."""
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cells = [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
        return notebook.get("metadata", {}).get("evlab", {}), cells
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CourseFileError(f"{path.name} is not a notebook", why=str(error),
                              next_step="take the file from the course again", path=path.name) from error


def _titled(said: dict, prose: str, name: str) -> str:
    heading = re.search(r"^#\s+(?:(?:lab)?\s*\d+[\s.:\u00b7-]*)?(.+)$", prose, re.MULTILINE | re.IGNORECASE)
    return said.get("title") or (heading[1].strip() if heading else name.replace("_", " "))


def _asked(verb: str, cells: list[str]) -> tuple[str, ...]:
    """The ids in the calls of `predict` or `check`, in the order of the cells."""
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
            if name == verb and isinstance(first, ast.Constant) and isinstance(first.value, str):
                ids[first.value] = None
    return tuple(ids)


def _parts(found: list[Lesson]) -> list[tuple[str, list[Lesson]]]:
    """The parts that have a notebook, with their notebooks."""
    parts = [(name, [lesson for lesson in found if first <= int(lesson.number) <= last])
             for name, first, last in PARTS]
    known = {lesson for _, part in parts for lesson in part}
    parts.append(("More", [lesson for lesson in found if lesson not in known]))
    return [(name, part) for name, part in parts if part]


def _title(found: list[Lesson], hung: list[Lab], here: str | None, made: set[str] | None,
           passed: set[str] | None) -> str:
    size = _many(len(found), "notebook") + (f" and {_many(len(hung), 'lab')}" if hung else "")
    minutes = sum(lesson.minutes or 0 for lesson in found)
    time = f", {_hours(minutes)}" if minutes else ""
    place = f"; you are in {here}" if here is not None else ""
    asked = {guess for lesson in found for guess in lesson.guesses}
    checks = {check for lab in hung for check in lab.checks}
    done = f". You have made {len(asked & made)} of {len(asked)} guesses" if made is not None and asked else ""
    if passed is not None and checks:
        said = f"passed {len(checks & passed)} of {_many(len(checks), 'check')}"
        done += f" and {said}" if done else f". You have {said}"
    return f"{size}{time}{place}{done}"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _result(lab: Lab, passed: set[str] | None) -> str:
    """How a lab went: "2 of 4 passed", or in a saved notebook how much there is to do."""
    total = len(lab.checks)
    if not total:
        return "no checks"
    return _many(total, "check") if passed is None else f"{len(passed & set(lab.checks))} of {total} passed"


def _count(lesson: Lesson, made: set[str] | None) -> str:
    total = len(lesson.guesses)
    noun = "guess" if total == 1 else "guesses"
    if not total:
        return "no guesses"
    return f"{total} {noun}" if made is None else f"{len(made & set(lesson.guesses))} of {total} {noun}"


def _words(found: list[Lesson], hung: list[Lab], here: str | None, made: set[str] | None, passed: set[str] | None,
           title: str) -> str:
    lines = [title]
    for name, part in _parts(found):
        lines.append(f"{name}:")
        for lesson in part:
            facts = [f"{lesson.minutes} min"] if lesson.minutes else []
            facts += [_count(lesson, made)] + (["short path"] if lesson.number in SHORT else [])
            place = "  <- you are here" if lesson.number == here else ""
            lines.append(f"  {lesson.number} {lesson.title} ({', '.join(facts)}){place}")
            lines += [f"    {lab.name} {lab.title} ({_result(lab, passed)})" for lab in hung
                      if lab.notebook == lesson.number]
    return "\n".join(lines)


def _draw(found: list[Lesson], hung: list[Lab], here: str | None, made: set[str] | None, passed: set[str] | None,
          title: str, extra: str) -> str:
    svg = Svg(WIDTH, title, _words(found, hung, here, made, passed, title).replace("\n", "; "))
    y = svg.heading(extra) + 6
    wide = (WIDTH - 2 * EDGE - (CARDS - 1) * GAP) / CARDS
    high = HEIGHT + 17 * (max(len(_title_lines(lesson, wide)) for lesson in found) - 1)
    for name, part in _parts(found):
        y += 20
        svg.text(EDGE, y, name, bold=True, colour=MUTED)
        y += 12
        for start in range(0, len(part), CARDS):
            deepest = 0
            for index, lesson in enumerate(part[start:start + CARDS]):
                x = EDGE + index * (wide + GAP)
                card = Box(x, y, x + wide, y + high)
                _draw_lesson(svg, card, lesson, lesson.number == here, made)
                if index:
                    svg.arrow((x - GAP + 3, y + high / 2), (x - 2, y + high / 2), MUTED)
                below = [lab for lab in hung if lab.notebook == lesson.number]
                for number, lab in enumerate(below):
                    _draw_lab(svg, card, number, lab, passed)
                deepest = max(deepest, len(below))
            y += high + deepest * (LAB_HEIGHT + LAB_GAP) + GAP
        y += 8 - GAP
    y += 20
    key = "A dot is a guess to make." if made is None else "A filled dot is a guess you have made."
    key += "  A box under a notebook is its lab." if hung else ""
    if short := sum(lesson.minutes or 0 for lesson in found if lesson.number in SHORT):
        key = f"The short path takes {_hours(short)}.  {key}"
    svg.text(EDGE, y, key, size=SMALL, colour=MUTED)
    return svg.render(y + 18)


def _hours(minutes: int) -> str:
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _draw_lab(svg: Svg, card: Box, number: int, lab: Lab, passed: set[str] | None) -> None:
    """The lab's box, hung under the card of its notebook, or under the box before it."""
    x, wide = card.x0 + LAB_INSET, card.x1 - card.x0 - 2 * LAB_INSET
    y = card.y1 + LAB_GAP + number * (LAB_HEIGHT + LAB_GAP)
    svg.line([((card.x0 + card.x1) / 2, y - LAB_GAP), ((card.x0 + card.x1) / 2, y)], MUTED)
    whole = passed is not None and bool(lab.checks) and passed >= set(lab.checks)
    svg.rect(x, y, wide, LAB_HEIGHT, fill=GREEN.tint if whole else CARD, stroke=GREEN.main if whole else LINE, line=1.2,
             radius=8)
    after = svg.text(x + 11, y + 19, lab.name, size=SMALL, bold=True, colour=BLUE.text)
    svg.text(after.x1 + 8, y + 19, _result(lab, passed), size=SMALL, colour=GREEN.text if whole else MUTED)
    svg.text(x + 11, y + 36, clip(lab.title, wide - 22, SMALL), size=SMALL)


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
    facts += ["short path"] if lesson.number in SHORT else []
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
