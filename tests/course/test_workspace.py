"""The learner's copy of the course: an update must never cost them a line of their own."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import tempfile

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from evlab.course.workspace import (
    UnknownNotebook,
    WorkspaceError,
    cleared,
    find_notebook,
    reset,
    sync,
    workspace_folder,
)


def notebook(*sources, outputs=()):
    cells = [{"id": f"c{n}", "cell_type": "code", "source": source, "metadata": {}, "outputs": list(outputs),
              "execution_count": n if outputs else None} for n, source in enumerate(sources, 1)]
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


PRINTED = {"output_type": "stream", "name": "stdout", "text": "42\n"}


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def sources(path):
    return [cell["source"] for cell in json.loads(path.read_text())["cells"]]


@pytest.fixture
def course(tmp_path):
    course = tmp_path / "the course"
    write(course / "notebooks/00_start_here.ipynb", notebook("start()", outputs=[PRINTED]))
    write(course / "notebooks/01_events.ipynb", notebook("one()", "two()", outputs=[PRINTED]))
    write(course / "labs/lab01_bus.ipynb", notebook("answer()"))
    return course


def mine(course, name="notebooks/01_events.ipynb"):
    return workspace_folder(course) / name


def kept(course):
    return sorted((workspace_folder(course) / "kept").glob("*.ipynb"))


def snapshot(folder):
    return {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


def test_the_first_sync_copies_everything_without_outputs(course):
    done = sync(course)
    assert done.copied == ["notebooks/00_start_here.ipynb", "notebooks/01_events.ipynb", "labs/lab01_bus.ipynb"]
    copy = json.loads(mine(course).read_text())
    assert [(c["outputs"], c["execution_count"]) for c in copy["cells"]] == [([], None)] * 2
    assert sources(mine(course)) == ["one()", "two()"]


def test_a_second_sync_touches_no_file_and_says_nothing(course):
    sync(course)
    before = snapshot(workspace_folder(course))
    assert sync(course).lines() == []
    assert snapshot(workspace_folder(course)) == before


def test_an_update_replaces_what_the_learner_did_not_change(course):
    sync(course)
    write(course / "notebooks/01_events.ipynb", notebook("one(better=True)"))
    assert sync(course).replaced == ["notebooks/01_events.ipynb"]
    assert sources(mine(course)) == ["one(better=True)"]
    assert kept(course) == [], "there was nothing to keep"


def test_a_replaced_notebook_that_had_been_run_is_kept(course):
    sync(course)
    write(mine(course), notebook("one()", "two()", "", outputs=[PRINTED]))  # run; JupyterLab added an empty cell
    write(course / "notebooks/01_events.ipynb", notebook("new()"))
    sync(course)
    assert sources(mine(course)) == ["new()"]
    assert [sources(path) for path in kept(course)] == [["one()", "two()", ""]]


def test_an_update_never_overwrites_what_the_learner_changed_and_says_so_in_one_line(course):
    sync(course)
    write(mine(course), notebook("one()", "two()", "my_own_try()"))
    write(course / "notebooks/01_events.ipynb", notebook("new()"))
    for _ in range(2):
        done = sync(course)
        assert sources(mine(course))[-1] == "my_own_try()"
        (line,) = done.lines()
        assert "01" in line and "evlab reset 01_events" in line


def test_a_change_is_left_in_silence_while_the_course_has_nothing_new(course):
    sync(course)
    write(mine(course), notebook("my_own_try()"))
    assert sync(course).lines() == []


def test_a_notebook_that_the_learner_threw_away_comes_back(course):
    sync(course)
    mine(course).unlink()
    assert sync(course).copied == ["notebooks/01_events.ipynb"]


@pytest.mark.parametrize("broken", ["", '{"cells": [', "[]", '{"cells": 3}', '{"cells": [{"cell_type": "code"}]}',
                                    "\x00\xff", '{"cells": ' + "[" * 20_000])
def test_a_broken_file_of_the_learner_is_left_and_reset_keeps_it(course, broken):
    sync(course)
    write(mine(course), broken)
    write(course / "notebooks/01_events.ipynb", notebook("new()"))
    done = sync(course)
    assert mine(course).read_text() == broken
    assert done.unreadable == ["notebooks/01_events.ipynb"]
    _, copy = reset("01", course)
    assert copy.read_text() == broken and sources(mine(course)) == ["new()"]


def test_reset_keeps_the_learners_work_and_gives_the_courses(course):
    sync(course)
    write(mine(course), notebook("my_own_try()"))
    path, copy = reset("01", course)
    assert path == mine(course) and sources(path) == ["one()", "two()"]
    assert sources(copy) == ["my_own_try()"] and copy.parent == workspace_folder(course) / "kept"
    assert sync(course).lines() == []


def test_two_resets_in_one_second_keep_both_copies(course):
    for text in ("first()", "second()"):
        write(mine(course), notebook(text))
        reset("01", course)
    assert sorted(sources(path) for path in kept(course)) == [["first()"], ["second()"]]


def test_reset_of_a_fresh_notebook_keeps_nothing(course):
    sync(course)
    assert reset("lab01", course)[1] is None


def test_reset_takes_up_the_updates_again(course):
    sync(course)
    write(mine(course), notebook("my_own_try()"))
    reset("01", course)
    write(course / "notebooks/01_events.ipynb", notebook("newer()"))
    assert sync(course).replaced == ["notebooks/01_events.ipynb"]


@pytest.mark.parametrize("name", ["01", "01_events", "01_events.ipynb", "notebooks/01_events.ipynb", "./notebooks/01",
                                  "workspace/notebooks/01_events.ipynb", "notebooks\\01_events.ipynb"])
def test_a_notebook_answers_to_every_name_a_learner_may_type(course, name):
    assert find_notebook(name, course) == "notebooks/01_events.ipynb"


@pytest.mark.parametrize("name", ["07", "", "0", "labs/01", "../01_events", "notebooks/"])
def test_an_unknown_name_is_answered_with_the_names_there_are(course, name):
    with pytest.raises(UnknownNotebook, match="01_events|lab01"):
        find_notebook(name, course)


def test_a_lost_manifest_counts_every_difference_as_the_learners(course):
    sync(course)
    write(mine(course), notebook("my_own_try()"))
    for damage in ("", "[]", "{", '{"notebooks/01_events.ipynb": 3}'):
        write(workspace_folder(course) / ".evlab/manifest.json", damage)
        done = sync(course)
        assert done.left == ["notebooks/01_events.ipynb"] and sources(mine(course)) == ["my_own_try()"]


def test_a_notebook_that_left_the_course_goes_only_if_the_learner_did_not_change_it(course):
    sync(course)
    write(mine(course), notebook("my_own_try()"))
    (course / "notebooks/00_start_here.ipynb").unlink()
    (course / "notebooks/01_events.ipynb").unlink()
    sync(course)
    assert not mine(course, "notebooks/00_start_here.ipynb").exists()
    assert sources(mine(course)) == ["my_own_try()"]


def test_a_notebook_of_the_course_that_is_damaged_is_named_with_the_cure(course):
    write(course / "notebooks/01_events.ipynb", "{")
    with pytest.raises(WorkspaceError, match="notebooks/01_events.ipynb"):
        sync(course)


def test_a_workspace_that_cannot_be_written_is_an_error_with_a_next_step(course):
    write(workspace_folder(course), "a file where the folder should be")
    with pytest.raises(WorkspaceError) as failed:
        sync(course)
    assert failed.value.next_step


def test_clearing_leaves_the_original_as_it_was():
    original = notebook("one()", outputs=[PRINTED]) | {"metadata": {"widgets": {}, "kernelspec": {"name": "python3"}}}
    before = json.dumps(original)
    assert cleared(original)["metadata"] == {"kernelspec": {"name": "python3"}}
    assert json.dumps(original) == before


DIE_AT = """
import os, pathlib, sys
from evlab.course import workspace
calls, limit, real = 0, int(sys.argv[2]), os.replace
def replace(*names):
    global calls
    calls += 1
    if calls == limit:
        os._exit(9)
    real(*names)
os.replace = replace
workspace.sync(pathlib.Path(sys.argv[1]))
"""


@pytest.mark.parametrize("step", range(1, 6))
def test_a_kill_at_any_write_loses_nothing_and_the_next_sync_goes_on(course, step):
    sync(course)
    write(mine(course), notebook("one()", "two()", outputs=[PRINTED]))
    write(mine(course, "labs/lab01_bus.ipynb"), notebook("my_own_try()"))
    for name in ("notebooks/00_start_here.ipynb", "notebooks/01_events.ipynb", "labs/lab01_bus.ipynb"):
        write(course / name, notebook("new()"))
    died = subprocess.run([sys.executable, "-c", DIE_AT, str(course), str(step)], env=os.environ).returncode
    assert died == (9 if step <= 4 else 0), "two copies, one kept, one manifest"
    for path in workspace_folder(course).rglob("*.ipynb"):
        assert not path.stat().st_size or json.loads(path.read_text())
    sync(course)
    assert sources(mine(course)) == ["new()"]
    assert sources(mine(course, "labs/lab01_bus.ipynb")) == ["my_own_try()"]
    assert ["one()", "two()"] in [sources(path) for path in kept(course) if path.stat().st_size]


class LearnerAndCourse(RuleBasedStateMachine):
    """Updates, edits, resets and lost manifests in any order: every line the learner wrote is still somewhere."""

    name = "notebooks/01_events.ipynb"

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.course = pathlib.Path(self.folder.name)
        self.version, self.writings, self.mine, self.given_up = 0, 0, [], []
        write(self.course / self.name, notebook("version0()"))
        sync(self.course)

    @rule()
    def the_course_is_updated(self):
        self.version += 1
        write(self.course / self.name, notebook(f"version{self.version}()"))

    @rule()
    def the_learner_writes(self):
        self.writings += 1
        self.mine = [*self.mine, f"mine{self.writings}()"]
        write(mine(self.course, self.name), notebook(*self.mine))

    @rule()
    def the_learner_runs_it(self):
        path = mine(self.course, self.name)
        write(path, notebook(*sources(path), outputs=[PRINTED]))

    @rule()
    def the_course_starts(self):
        sync(self.course)

    @rule()
    def the_learner_resets(self):
        reset("01", self.course)
        assert sources(mine(self.course, self.name)) == [f"version{self.version}()"]
        self.given_up, self.mine = [*self.given_up, self.mine], []

    @rule()
    def the_manifest_is_lost(self):
        (workspace_folder(self.course) / ".evlab/manifest.json").unlink(missing_ok=True)

    @invariant()
    def what_the_learner_wrote_is_still_there(self):
        if self.mine:
            assert sources(mine(self.course, self.name)) == self.mine
        in_kept = [sources(path) for path in kept(self.course)]
        assert all(work in in_kept for work in self.given_up if work)

    def teardown(self):
        self.folder.cleanup()


TestLearnerAndCourse = LearnerAndCourse.TestCase
TestLearnerAndCourse.settings = settings(max_examples=20, stateful_step_count=15, deadline=None)
