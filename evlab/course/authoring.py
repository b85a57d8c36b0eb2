"""From the master of a lab, with its solutions, to the notebook that a learner gets: `make labs`.

The master stands in labs/authoring/LAB/, the learner's notebook in labs/, under the same name. Nobody edits the second
by hand: it is committed, and a test asserts that it is what the master gives. labs/authoring/README.md tells authors
how to write a lab.
"""

from __future__ import annotations

import ast
import json
import pathlib
from collections.abc import Iterable
from typing import NamedTuple

import nbformat
from nbconvert.preprocessors import ClearOutputPreprocessor, Preprocessor, TagRemovePreprocessor

from evlab.course.book import called
from evlab.course.data import course_folder
from evlab.course.judge.answers import mark_of
from evlab.course.judge.labs import authoring_folder, lab_names, load_lab
from evlab.course.judge.question import Lab
from evlab.course.saving import normalise
from evlab.course.solutions import BadMarks, cut_solutions
from evlab.course.workspace import write_atomically
from evlab.errors import EvlabError

__all__ = ["MASTER_ONLY", "CutSolutions", "MarkForNbgrader", "MasterError", "Written", "chosen_labs", "learners_bytes",
           "learners_notebook", "master_of", "stale_labs", "write_labs"]

MASTER_ONLY = "master-only"
"""The tag of a cell that no learner sees: notes for other authors, a second solution."""
HELP = "see labs/authoring/README.md"


class MasterError(EvlabError):
    """A master from which no learner's notebook can be made. `file` names it; `cell` counts from 1, 0 is the whole."""


class Written(NamedTuple):
    """One learner's notebook: its name in the course, and whether the file is another one now."""

    name: str
    changed: bool


class CutSolutions(Preprocessor):
    """Puts a gap where a solution was. Raises `MasterError` for marks that do not fit, or that stand elsewhere than in
    an answer cell. `resources["file"]` is the master's name."""

    def preprocess_cell(self, cell, resources, index):
        """Cut the solutions out of one cell."""
        if _is_masters(cell):
            return cell, resources
        place = resources["file"], index + 1
        try:
            cut = cut_solutions(cell.source)
        except BadMarks as error:
            raise _wrong(*place, str(error), "write `### BEGIN SOLUTION` and `### END SOLUTION`, each alone in its "
                                             "line, around lines of code") from error
        is_answer = cell.cell_type == "code" and mark_of(cell.source)[0] == "answer"
        if cut.blocks and not is_answer:
            raise _wrong(*place, "a solution stands outside an answer cell",
                         f"begin the cell with a line such as `# answer: lab01.q1`, or give it the tag {MASTER_ONLY}")
        if is_answer and not cut.blocks:
            raise _wrong(*place, "the answer cell has no solution between marks",
                         "put `### BEGIN SOLUTION` and `### END SOLUTION` around it", "the learner would get it whole")
        if is_answer and (fault := _syntax_fault(cut.source)):
            raise _wrong(*place, "without its solution the cell is not Python",
                         "put the marks around whole statements, indented as they are", fault)
        cell.source = cut.source
        return cell, resources


class MarkForNbgrader(Preprocessor):
    """Gives cells the metadata that nbgrader reads, version 3: answers, checks worth points, and imports kept as they
    are. Raises `MasterError` where the cells and the questions of `resources["lab"]` do not match."""

    def preprocess(self, notebook, resources):
        """Mark every cell, then look for questions that nobody answers or checks."""
        resources["places"] = places = {"answer": {}, "check": {}}
        notebook, resources = super().preprocess(notebook, resources)
        file = resources["file"]
        for id in resources["lab"].questions:
            for kind, line in (("answer", f"# answer: {id}"), ("check", f'check("{id}")')):
                if id not in places[kind]:
                    raise _wrong(file, 0, f"{id} has no {kind} cell",
                                 f"add a cell with the line `{line}`, or take the question out of checks.py")
            if places["check"][id] < places["answer"][id]:
                raise _wrong(file, places["check"][id], f"{id} is checked before its answer",
                             "move the check behind the answer")
        return notebook, resources

    def preprocess_cell(self, cell, resources, index):
        """Mark one cell."""
        if cell.cell_type == "code" and not _is_masters(cell):
            found = self._mark(cell, resources["lab"], resources["file"], index + 1, resources["places"])
            if found:
                cell.metadata["nbgrader"] = {"grade": False, "locked": False, "schema_version": 3, "solution": False,
                                             "task": False, **found}
        return cell, resources

    def _mark(self, cell, lab: Lab, file: str, number: int, places: dict) -> dict:
        """What nbgrader has to know of a code cell; {} if it is the learner's own affair."""
        kind, name = mark_of(cell.source)
        tree = _tree(cell.source)
        checked = [] if tree is None else _checked(tree, lab.name)
        if kind == "answer" and name not in lab.questions:
            raise _wrong(file, number, f"checks.py has no question {name}",
                         f"use one of {', '.join(lab.questions)}, or add it to checks.py")
        if kind == "helper" and name != lab.name:
            raise _wrong(file, number, f"it helps {name}, and this is {lab.name}", f"write `# helper: {lab.name}`")
        if checked and (kind or len(checked) > 1 or checked[0] not in lab.questions):
            fault = (f"it checks in a cell marked as {kind}" if kind else "it checks two questions" if len(checked) > 1
                     else f"it checks {checked[0]}, which checks.py does not have")
            raise _wrong(file, number, fault, "give each check of a question a cell of its own")
        if kind == "answer":
            self._place("answer", name, file, number, places)
            return {"grade_id": f"{_plain(name)}-answer", "solution": True}
        if checked:
            self._place("check", checked[0], file, number, places)
            points = lab.questions[checked[0]].points
            return {"grade_id": f"{_plain(checked[0])}-check", "grade": True, "locked": True,
                    "points": int(points) if points == int(points) else points}
        if not kind and tree and tree.body and all(isinstance(one, ast.Import | ast.ImportFrom) for one in tree.body):
            return {"grade_id": f"{lab.name}-{cell.id}", "locked": True}  # the checks stand on what it imports
        return {}

    @staticmethod
    def _place(kind: str, id: str, file: str, number: int, places: dict) -> None:
        earlier = places[kind].setdefault(id, number)
        if earlier != number:
            raise _wrong(file, number, f"{id} has a second {kind} cell",
                         f"remove one of them, or give it the tag {MASTER_ONLY}", f"the first is cell {earlier}")


def learners_notebook(master: pathlib.Path, lab: Lab) -> nbformat.NotebookNode:
    """What a learner gets: the master without solutions, outputs, counts and cells of the master only."""
    file = f"labs/authoring/{master.parent.name}/{master.name}"
    try:
        notebook = nbformat.from_dict(normalise(json.loads(master.read_bytes()), master.stem))
        nbformat.validate(notebook)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, nbformat.ValidationError) as error:
        raise _wrong(file, 0, "it is not a notebook", f"open it in JupyterLab, or run `git checkout -- {file}`",
                     str(error).split("\n")[0]) from error
    resources = {"file": file, "lab": lab}
    for step in (CutSolutions(), MarkForNbgrader(), TagRemovePreprocessor(remove_cell_tags={MASTER_ONLY}),
                 ClearOutputPreprocessor()):
        notebook, resources = step.preprocess(notebook, resources)
    nbformat.validate(notebook)
    return notebook


def learners_bytes(name: str, course: pathlib.Path | None = None) -> bytes:
    """The learner's notebook of a lab as it stands in its file: the same bytes each time."""
    master = master_of(name, course)
    notebook = learners_notebook(master, load_lab(master.parent / "checks.py"))
    return (nbformat.writes(notebook).rstrip("\n") + "\n").encode()


def write_labs(names: Iterable[str] = (), course: pathlib.Path | None = None) -> list[Written]:
    """Write the learner's notebooks of the labs named, or of all. If one of the masters is faulty, none is written."""
    course = course or course_folder()
    made = {course / "labs" / master_of(name, course).name: learners_bytes(name, course)
            for name in chosen_labs(names, course)}
    written = []
    for path, data in made.items():
        changed = not path.exists() or path.read_bytes() != data
        if changed:
            write_atomically(path, data)
        written.append(Written(f"labs/{path.name}", changed))
    return written


def stale_labs(course: pathlib.Path | None = None) -> list[str]:
    """Notebooks in labs/ that no master gives any more, because it has another name now."""
    course = course or course_folder()
    return [f"labs/{path.name}" for name in lab_names(course)
            for path in sorted((course / "labs").glob(f"{name}_*.ipynb")) if path.name != master_of(name, course).name]


def chosen_labs(names: Iterable[str], course: pathlib.Path | None = None) -> list[str]:
    """The labs named, once each and in order, or all of them. Raises `MasterError` for a name that is none."""
    known = lab_names(course)
    for name in (names := list(names)):
        if name not in known:
            raise _wrong("labs/authoring", 0, f"there is no lab {name!r}",
                         f"name one of: {', '.join(known) or 'none'}; {HELP}")
    return [name for name in known if name in names] or known


def master_of(name: str, course: pathlib.Path | None = None) -> pathlib.Path:
    """The one notebook in the folder of a lab. Raises `MasterError` if there is none, or more than one."""
    folder = authoring_folder(course) / name
    found = [path for path in sorted(folder.glob("*.ipynb")) if not path.name.startswith(("_", "."))]
    if len(found) == 1 and found[0].name.startswith(f"{name}_"):
        return found[0]
    fault = f"{len(found)} notebooks" if len(found) > 1 else "no master" if not found else f"a master {found[0].name}"
    raise _wrong(f"labs/authoring/{name}", 0, f"it holds {fault}",
                 f"keep one notebook there, with a name that begins with {name}_; {HELP}")


def _wrong(file: str, cell: int, what: str, next_step: str, why: str = "") -> MasterError:
    return MasterError(f"{file}{f', cell {cell}' if cell else ''}: {what}", why=why, next_step=next_step, file=file,
                       cell=cell)


def _is_masters(cell) -> bool:
    return MASTER_ONLY in cell.metadata.get("tags", ())


def _tree(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except SyntaxError:  # a cell that fails on purpose
        return None


def _syntax_fault(source: str) -> str:
    try:
        ast.parse(source)
    except SyntaxError as error:
        return f"line {error.lineno} of what is left: {error.msg}"
    return ""


def _checked(tree: ast.Module, lab: str) -> list[str]:
    """The questions of the lab that a cell checks for points; with further arguments a check is a demonstration."""
    ids = [node.args[0].value for node in ast.walk(tree) if isinstance(node, ast.Call) and called(node) == "check"
           and len(node.args) == 1 and not node.keywords and isinstance(node.args[0], ast.Constant)]
    return list(dict.fromkeys(id for id in ids if isinstance(id, str) and id.startswith(f"{lab}.")))


def _plain(id: str) -> str:
    """"lab01-q1" for "lab01.q1": nbgrader's ids hold letters, digits, - and _."""
    return id.replace(".", "-")
