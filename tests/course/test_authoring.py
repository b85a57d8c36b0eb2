"""From a master to a learner's lab: nothing of a solution leaks, nbgrader can read it, and a fault names its cell."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import nbformat
import pytest
from jsonschema import Draft4Validator
from nbformat import v4
from small_lab import MASTER, NAME, ROOT, files_of_the_readme, small_course

from evlab.course.authoring import MASTER_ONLY, MasterError, learners_bytes, master_of, stale_labs, write_labs
from evlab.course.book import Book
from evlab.course.rules import check
from evlab.course.saving import save
from evlab.course.solutions import GAP, BadMarks, cut_solutions
from evlab.course.workspace import course_masters, find_notebook, saved_notebooks, sync


@pytest.fixture
def course(tmp_path, monkeypatch):
    course = small_course(tmp_path / "course")
    monkeypatch.setenv("EVLAB_COURSE", str(course))
    return course


def path_of(course):
    return course / "labs/authoring" / NAME / MASTER


def rewrite(course, change):
    """Give the master's notebook to `change`, and write what that leaves."""
    book = nbformat.read(path_of(course), as_version=4)
    change(book.cells)
    nbformat.write(book, path_of(course))


def learners(course):
    return nbformat.reads(learners_bytes(NAME, course).decode(), as_version=4)


# -------------------------------------------------------------------------------------------------------- the marks


def between(*lines, indent=""):
    return "\n".join([f"{indent}### BEGIN SOLUTION", *lines, f"{indent}### END SOLUTION"])


def test_a_solution_becomes_a_gap_at_its_indentation():
    solution = between("    for x in y:", "        total += x", indent="    ")
    cut = cut_solutions(f"def f():\n    total = 0\n{solution}\n    return total")
    gap = "    # your code here\n    raise NotImplementedError"
    assert cut.source == f"def f():\n    total = 0\n{gap}\n    return total"
    assert cut.blocks == (("    for x in y:", "        total += x"),)


def test_several_solutions_in_a_cell_and_a_class_with_nothing_else():
    body, inner = between("    x = 1", indent="    "), between("        return 1", indent="        ")
    cut = cut_solutions(f"class Bus:\n{body}\n\nclass Log:\n    def a(self):\n{inner}\n\n{between('y = 2')}")
    assert len(cut.blocks) == 3
    assert cut.source == (
        "class Bus:\n    # your code here\n    raise NotImplementedError\n\nclass Log:\n    def a(self):\n"
        "        # your code here\n        raise NotImplementedError\n\n# your code here\nraise NotImplementedError")
    compile(cut.source, "cell", "exec")


def test_a_cell_without_marks_is_left_as_it_is():
    assert cut_solutions("x = 1\n").source == "x = 1\n" and cut_solutions("x = 1").blocks == ()


@pytest.mark.parametrize(("source", "fault"), [
    ("### BEGIN SOLUTION\nx = 1", "line 1 never ends"),
    ("x = 1\n### END SOLUTION", "line 2 ends a solution that never began"),
    ("### BEGIN SOLUTION\nx = 1\n### BEGIN SOLUTION\n### END SOLUTION", "line 3 begins a solution inside"),
    ("x = 0\n### BEGIN SOLUTION\n\n  # soon\n### END SOLUTION", "line 2 is empty"),
    ("### BEGIN SOLUTION\nx = 1\n### END SOLUTIONS", "line 3 is nearly a mark"),
    ("### Begin solution\nx = 1\n### END SOLUTION", "line 1 is nearly a mark"),
    ("#### BEGIN SOLUTION\nx = 1", "line 1 is nearly a mark"), ("x = 1  ### BEGIN SOLUTION", "line 1 is nearly a mark"),
    ("### BEGIN SOLUTION: easy\nx = 1\n### END SOLUTION", "line 1 is nearly a mark"),
])
def test_marks_that_do_not_fit_are_named_with_their_line(source, fault):
    with pytest.raises(BadMarks, match=fault):
        cut_solutions(source)


# ------------------------------------------------------------------------------------------- the learner's notebook


def test_the_learner_gets_the_master_without_solutions_outputs_and_counts(course):
    def run(cells):
        for number, cell in enumerate(cells[1:], 1):
            cell.execution_count = number
            cell.outputs = [v4.new_output("stream", text="the total is 42\n")]
            cell.metadata |= {"collapsed": True, "tags": ["kept"]}

    rewrite(course, run)
    book = learners(course)
    assert [cell.source.split("\n")[0] for cell in book.cells] == [
        "# A total you can trust", "from evlab.course import check", "# answer: lab90.q1", 'check("lab90.q1")']
    assert book.cells[2].source.split("\n")[3:5] == ["    " + line for line in GAP]
    for cell in book.cells[1:]:
        assert (cell.outputs, cell.execution_count) == ([], None)
        assert cell.metadata.keys() == {"tags", "nbgrader"}
    assert "42" not in learners_bytes(NAME, course).decode()


def test_a_cell_of_the_master_only_is_left_out_and_may_hold_anything(course):
    secret = v4.new_code_cell("### BEGIN SOLUTION\nsecret = 1", metadata={"tags": [MASTER_ONLY]})
    notes = v4.new_markdown_cell("secret: see lab90.q2", metadata={"tags": [MASTER_ONLY]})
    rewrite(course, lambda cells: cells.extend([secret, notes]))
    assert b"secret" not in learners_bytes(NAME, course) and MASTER_ONLY.encode() not in learners_bytes(NAME, course)


def test_the_same_master_gives_the_same_bytes_whoever_saved_it(course):
    first = learners_bytes(NAME, course)
    rewrite(course, lambda cells: cells[2].metadata.update({"scrolled": True, "ExecuteTime": {"start": "now"}}))
    book = json.loads(path_of(course).read_text())
    book["metadata"] = {"language_info": {"name": "python", "version": "3.99"}, "widgets": {}}
    path_of(course).write_text(json.dumps(book))
    assert learners_bytes(NAME, course) == first and first.endswith(b"}\n")


def test_what_learners_get_follows_the_rules_of_notebooks(course):
    name = f"labs/{MASTER}"
    data = learners_bytes(NAME, course)
    assert check(Book(json.loads(data), name, size=len(data), known=[name])) == []


def change(index, old, new):
    return lambda cells: cells[index].__setitem__("source", cells[index].source.replace(old, new))


def drop(index):
    return lambda cells: cells.__delitem__(index)


def add(source, kind=v4.new_code_cell, at=None):
    return lambda cells: cells.insert(len(cells) if at is None else at, kind(source))


@pytest.mark.parametrize(("wrong", "cell", "fault"), [
    (change(2, "    ### END SOLUTION\n", ""), 3, "never ends"),
    (change(2, "# answer: lab90.q1", "# an answer"), 3, "outside an answer cell"),
    (add("### BEGIN SOLUTION\nx = 1\n### END SOLUTION"), 5, "outside an answer cell"),
    (add("# helper: lab90\n### BEGIN SOLUTION\nx = 1\n### END SOLUTION"), 5, "outside an answer cell"),
    (add("### BEGIN SOLUTION\nIt is 42.\n### END SOLUTION", v4.new_markdown_cell), 5, "outside an answer cell"),
    (change(2, "### BEGIN SOLUTION", "#"), 3, "ends a solution that never began"),
    (lambda cells: cells[2].__setitem__("source", "# answer: lab90.q1\ntotal = sum"), 3, "no solution between marks"),
    (lambda cells: cells[2].__setitem__("source", "# answer: lab90.q1\nif x:\n### BEGIN SOLUTION\n    y = 1\n"
                                                  "### END SOLUTION"), 3, "is not Python"),
    (change(2, "lab90.q1", "lab90.q7"), 3, "no question lab90.q7"),
    (change(2, "lab90.q1", "lab01.q1"), 3, "no question lab01.q1"),
    (drop(2), 0, "lab90.q1 has no answer cell"), (drop(3), 0, "lab90.q1 has no check cell"),
    (change(3, ")", ", seed=3)"), 0, "lab90.q1 has no check cell"),
    (change(3, "q1", "q7"), 4, "checks lab90.q7"), (add('check("lab90.q1"); check("lab90.q2")'), 5, "checks two"),
    (add('check("lab90.q1")'), 5, "second check cell"), (add('check("lab90.q1")', at=1), 5, "second check cell"),
    (lambda cells: cells.insert(1, cells.pop(3)), 2, "checked before its answer"),
    (add("# answer: lab90.q1\n### BEGIN SOLUTION\ntotal = sum\n### END SOLUTION"), 5, "second answer cell"),
    (change(2, "    return amount", '    return amount\ncheck("lab90.q1")'), 3, "checks in a cell marked as answer"),
    (add("# helper: lab02\nx = 1"), 5, "it helps lab02"),
])
def test_a_fault_of_the_master_names_its_file_and_cell_and_the_next_step(course, wrong, cell, fault):
    rewrite(course, wrong)
    with pytest.raises(MasterError, match=fault) as caught:
        write_labs(course=course)
    assert (caught.value.file, caught.value.cell) == (f"labs/authoring/{NAME}/{MASTER}", cell)
    assert caught.value.next_step and caught.value.file in caught.value.what
    assert not (course / "labs" / MASTER).exists(), "no half of a lab is written"


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"cells": [{}]}', b'{"cells": 3}', b"\xff"])
def test_a_master_that_is_no_notebook_is_named(course, data):
    path_of(course).write_bytes(data)
    with pytest.raises(MasterError, match="not a notebook"):
        learners_bytes(NAME, course)


def test_a_lab_has_one_master_with_its_name(course):
    assert master_of(NAME, course) == path_of(course)
    path_of(course).with_name("lab90_again.ipynb").write_text("{}")
    with pytest.raises(MasterError, match="holds 2 notebooks"):
        master_of(NAME, course)
    path_of(course).unlink()
    path_of(course).with_name("lab90_again.ipynb").rename(path_of(course).with_name("other.ipynb"))
    with pytest.raises(MasterError, match="a master other.ipynb"):
        master_of(NAME, course)


def test_writing_again_writes_nothing_and_a_renamed_master_leaves_a_stale_lab(course):
    assert [tuple(one) for one in write_labs(course=course)] == [(f"labs/{MASTER}", True)]
    stamp = (course / "labs" / MASTER).stat().st_mtime_ns
    assert [one.changed for one in write_labs([NAME, NAME], course)] == [False]
    assert (course / "labs" / MASTER).stat().st_mtime_ns == stamp and stale_labs(course) == []
    path_of(course).rename(path_of(course).with_name("lab90_new.ipynb"))
    write_labs(course=course)
    assert stale_labs(course) == [f"labs/{MASTER}"]


# --------------------------------------------------------------------------------------------------------- nbgrader

NBGRADER = {
    "type": "object", "additionalProperties": False,
    "required": ["schema_version", "grade", "locked", "solution"],
    "properties": {
        "schema_version": {"type": "integer", "minimum": 3, "maximum": 3}, "grade": {"type": "boolean"},
        "locked": {"type": "boolean"}, "solution": {"type": "boolean"}, "task": {"type": "boolean"},
        "grade_id": {"type": "string", "pattern": r"^[a-zA-Z0-9_\-]*$"}, "points": {"type": "number", "minimum": 0},
        "checksum": {"type": "string", "minLength": 32, "maxLength": 32},
        "cell_type": {"type": "string", "enum": ["raw", "code", "markdown"]}}}
"""nbgrader's schema of a cell's metadata, version 3 (nbgrader/nbgraderformat/v3.json)."""


def nbgrader_faults(book) -> list[str]:
    """What nbgrader's validator of version 3 says against a notebook (nbgrader/nbgraderformat/v3.py)."""
    faults, ids = [], set()
    for cell in book["cells"]:
        said = cell["metadata"].get("nbgrader")
        if said is None:
            continue
        faults += [error.message for error in Draft4Validator(NBGRADER).iter_errors(said)]
        if (said["grade"] or said["solution"] or said["locked"]) and not said.get("grade_id"):
            faults.append("a cell without an id")
        if said["grade"] and "points" not in said:
            faults.append(f"{said['grade_id']} has no points")
        if cell["cell_type"] == "markdown" and said["grade"] != said["solution"] and not said.get("task"):
            faults.append(f"{said['grade_id']}: text is graded by hand or not at all")
        if said.get("task") and cell["cell_type"] != "markdown":
            faults.append(f"{said['grade_id']}: a task is text")
        if said.get("grade_id") in ids:
            faults.append(f"{said['grade_id']} stands twice")
        ids.add(said.get("grade_id"))
    return faults


def test_answers_checks_and_imports_carry_nbgraders_metadata(course):
    rewrite(course, add("# helper: lab90\nimport math"))
    rewrite(course, add('check("lab90.q1", seed=4)'))
    rewrite(course, add("import math\nmath.pi"))
    book = learners(course)
    said = [cell.metadata.get("nbgrader") for cell in book.cells]
    common = {"schema_version": 3, "task": False, "solution": False}
    assert said == [None,
                    common | {"grade": False, "grade_id": "lab90-cell-1", "locked": True},
                    common | {"grade": False, "grade_id": "lab90-q1-answer", "locked": False, "solution": True},
                    common | {"grade": True, "grade_id": "lab90-q1-check", "locked": True, "points": 2},
                    None, None, None]
    assert nbgrader_faults(book) == []


@pytest.mark.parametrize("wrong", [{"points": None}, {"schema_version": 2}, {"grade_id": "lab90.q1"}, {"extra": 1},
                                   {"grade_id": "lab90-q1-answer"}, {"points": -1}, {"task": True}])
def test_the_rules_of_nbgrader_find_what_it_would_refuse(course, wrong):
    book = json.loads(learners_bytes(NAME, course))
    said = book["cells"][3]["metadata"]["nbgrader"]
    said |= wrong
    if said.get("points", 0) is None:
        del said["points"]
    assert nbgrader_faults(book)


MASTERS = course_masters(ROOT)


@pytest.mark.parametrize("name", MASTERS)
def test_nbgrader_can_read_each_lab_of_the_course(name):
    lab = name.split("/")[2]
    book = json.loads((ROOT / "labs" / MASTERS[name].name).read_text("utf-8"))
    assert nbgrader_faults(book) == []
    ids = [cell["metadata"]["nbgrader"]["grade_id"] for cell in book["cells"] if "nbgrader" in cell["metadata"]]
    assert f"{lab}-q1-answer" in ids and f"{lab}-q1-check" in ids


# ------------------------------------------------------------------------------------------------ saving, workspace


def test_the_master_is_run_and_saved_in_place_of_the_learners_lab(course):
    rewrite(course, lambda cells: cells.__setitem__(slice(1, None), [v4.new_code_cell("print(6 * 7)")]))
    (course / "labs" / MASTER).write_text(json.dumps(v4.new_notebook(cells=[v4.new_code_cell("raise SystemExit")])))
    before = (course / "labs" / MASTER).read_bytes()
    name = f"labs/authoring/{NAME}/{MASTER}"
    assert list(saved_notebooks(course)) == [name] and find_notebook("lab90", known=saved_notebooks(course)) == name
    (saved,) = save(["lab90"], course=course)
    assert (saved.name, saved.failure, saved.changed) == (name, "", True) and saved.ok, saved.faults
    book = json.loads(path_of(course).read_text())
    assert book["cells"][1]["outputs"][0]["text"] == ["42\n"] and book["cells"][1]["execution_count"] == 1
    assert (course / "labs" / MASTER).read_bytes() == before


def test_a_master_never_reaches_a_workspace(course):
    assert sync(course).copied == []
    write_labs(course=course)
    assert sync(course).copied == [f"labs/{MASTER}"]
    copied = [path for path in (course / "workspace").rglob("*") if path.is_file()]
    assert sorted(path.name for path in copied) == [MASTER, "manifest.json"]
    assert not any("seen.add" in path.read_text() for path in copied)
    copy = json.loads((course / "workspace/labs" / MASTER).read_text())
    assert copy["cells"][2]["metadata"]["nbgrader"]["grade_id"] == "lab90-q1-answer"


# ------------------------------------------------------------------------------------------------------ the command


@pytest.fixture
def evlab(course):
    def run(*arguments):
        return subprocess.run([sys.executable, "-m", "evlab.course.cli", "dev", *arguments], capture_output=True,
                              text=True, env=os.environ | {"COLUMNS": "100"}, timeout=180)

    return run


def test_the_command_writes_labs_and_says_what_became_of_each(evlab, course):
    first, second = evlab("labs"), evlab("labs", "lab90")
    assert (first.returncode, second.returncode) == (0, 0)
    assert re.fullmatch(rf"labs/{MASTER} +written\n", first.stdout)
    assert re.fullmatch(rf"labs/{MASTER} +as it was\n", second.stdout)
    path_of(course).rename(path_of(course).with_name("lab90_new.ipynb"))
    third = evlab("labs")
    assert third.returncode == 1 and f"no master gives labs/{MASTER} any more" in third.stdout


def test_a_mistake_in_a_master_is_one_line_and_code_2(evlab, course):
    rewrite(course, drop(3))
    for arguments in (["labs"], ["check", "--seeds", "1"], ["check", "lab91"]):
        process = evlab(*arguments)
        assert process.returncode == 2 and process.stdout == ""
        assert process.stderr.startswith("evlab: labs/authoring") and process.stderr.count("\n") == 1


def test_the_page_for_authors_shows_a_lab_that_is_proved(evlab, course):
    """Every file of labs/authoring/README.md, built as it stands there and run with 20 seeds."""
    assert evlab("labs").returncode == 0
    process = evlab("check")
    assert process.returncode == 0 and process.stderr == "", process.stdout + process.stderr
    assert "every rule is kept" in process.stdout and "5 sets of answers, 20 seeds each" in process.stdout
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in process.stdout.splitlines() if "│" in line]
    assert [(name, expected, found) for name, expected, _, found in rows] == [
        ("the master", "100 %", "as expected"), ("rights/by_dictionary", "100 %", "as expected"),
        ("q1_last_only", "q1 FORGETS", "as expected"), ("q1_sums_all", "q1 COUNTS_TWICE", "as expected"),
        ("untouched", "0 %", "as expected")]
    assert len(files_of_the_readme()) == 6


def test_the_page_for_authors_fits_its_purpose():
    page = (ROOT / "labs/authoring/README.md").read_text("utf-8")
    assert len(page.splitlines()) < 190 and all(len(line) <= 120 for line in page.splitlines())
