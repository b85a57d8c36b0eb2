"""Saving a notebook: the same file on every machine, and nothing in it that a reader should not meet."""

from __future__ import annotations

import asyncio
import json
import pathlib
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest

from evlab.course.rules import KERNELSPEC, LANGUAGE
from evlab.course.saving import Saved, normalise, save
from evlab.course.workspace import UnknownNotebook


def cell(source, tags=(), **more):
    return {"cell_type": "code", "metadata": {"tags": list(tags)} if tags else {}, "source": source, "outputs": [],
            "execution_count": None} | more


def prose(source):
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def book(*cells, **metadata):
    return {"cells": list(cells), "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


BOOKS = {
    "00_good": book(
        prose("# The order of words depends on nothing"),
        cell("import os, pathlib\nprint('saved', os.environ['EVLAB_SAVED'], 'hash', os.environ['PYTHONHASHSEED'])"),
        cell("from ipywidgets import IntSlider\nIntSlider()"),
        cell("list(pathlib.Path('.').iterdir())"),
        cell("from evlab.course import Progress\nProgress().record('visit', '00').id"),
        cell("raise ValueError('late')", tags=["raises-exception"]),
        cell("from evlab.course.doctor import report\nreport()"),
        widgets={}, vscode=1, evlab={"minutes": 20}, language_info={"version": "2.7"}),
    "01_fails": book(cell("print('before')"), cell("1 / 0"), cell("print('never')")),
    "02_warns": book(cell("import warnings\nwarnings.warn('old')")),
    "03_large": book(cell("print('x' * 700_000)")),
    "04_dies": book(cell("import os\nos._exit(3)")),
}


class Run(NamedTuple):
    """What one `save` of all BOOKS did."""

    before: dict[str, bytes]
    after: dict[str, bytes]
    saved: dict[str, Saved]
    told: list[str]
    course: pathlib.Path

    def outputs(self, stem):
        return [each["outputs"] for each in json.loads(self.after[stem])["cells"] if each["cell_type"] == "code"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    course = tmp_path_factory.mktemp("course")
    folder = course / "notebooks"
    folder.mkdir()
    for stem, notebook in BOOKS.items():
        (folder / f"{stem}.ipynb").write_text(json.dumps(notebook))

    def read():
        return {path.stem: path.read_bytes() for path in sorted(folder.iterdir())}

    before, told = read(), []
    saved = save(course=course, done=lambda one: told.append(one.name))
    return Run(before, read(), {pathlib.PurePath(one.name).stem: one for one in saved}, told, course)


def test_the_answer_is_in_course_order_and_each_notebook_is_told_and_timed(run):
    assert list(run.saved) == list(BOOKS)
    assert sorted(run.told) == [f"notebooks/{stem}.ipynb" for stem in BOOKS]
    assert all(one.seconds > 0 for one in run.saved.values())


def test_a_notebook_runs_in_saved_mode_with_fixed_hashes_in_an_empty_folder(run):
    printed, _, listed, *_ = run.outputs("00_good")
    assert printed[0]["text"] == ["saved 1 hash 0\n"]
    assert listed[0]["data"]["text/plain"] == ["[]"]


def test_counts_run_from_1_and_widgets_leave_only_their_text(run):
    notebook = json.loads(run.after["00_good"])
    code = [each for each in notebook["cells"] if each["cell_type"] == "code"]
    assert [each["execution_count"] for each in code] == [1, 2, 3, 4, 5, 6]
    assert code[1]["outputs"][0]["data"].keys() == {"text/plain"}
    assert notebook["metadata"] == {"kernelspec": KERNELSPEC, "language_info": LANGUAGE, "evlab": {"minutes": 20}}
    assert run.saved["00_good"].failure == ""


def test_an_error_with_its_tag_is_saved(run):
    assert run.outputs("00_good")[4][0]["ename"] == "ValueError"


def test_the_doctor_in_a_saved_notebook_shows_neither_version_nor_path(run):
    shown = json.dumps(run.outputs("00_good")[5])
    assert "checks are OK" in shown
    for secret in (sys.prefix, str(pathlib.Path.home()), ".".join(map(str, sys.version_info[:3])), str(run.course)):
        assert secret not in shown


@pytest.mark.parametrize(("stem", "reason"), [("01_fails", "cell 2: ZeroDivisionError: division by zero"),
                                              ("04_dies", "cell 1: the kernel died")])
def test_a_notebook_that_does_not_run_is_not_written_and_says_where(run, stem, reason):
    assert run.saved[stem].failure == reason
    assert run.after[stem] == run.before[stem]


@pytest.mark.parametrize(("stem", "rule"), [("02_warns", "stderr"), ("03_large", "size")])
def test_a_notebook_that_warns_or_is_too_large_is_not_written(run, stem, rule):
    assert rule in {fault.rule for fault in run.saved[stem].faults} and not run.saved[stem].ok
    assert run.after[stem] == run.before[stem] and not run.saved[stem].changed


def test_saving_again_writes_the_same_bytes(run):
    (again,) = save(["00"], course=run.course)
    assert not again.changed and not again.failure
    assert (run.course / "notebooks/00_good.ipynb").read_bytes() == run.after["00_good"]
    assert run.after["00_good"].endswith(b"}\n")
    assert sorted(path.name for path in (run.course / "notebooks").iterdir()) == [f"{stem}.ipynb" for stem in BOOKS]


def test_it_can_be_called_where_a_loop_runs_already(tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks/00_one.ipynb").write_text(json.dumps(book(cell("1 + 1"))))

    async def in_a_notebook():
        return save(course=tmp_path)

    loop = asyncio.new_event_loop()
    with ThreadPoolExecutor(1) as own_thread:  # a browser test may have left a loop running in this one
        (saved,) = own_thread.submit(loop.run_until_complete, in_a_notebook()).result()
    loop.close()
    assert saved.changed


def test_an_unknown_name_runs_nothing(run):
    with pytest.raises(UnknownNotebook):
        save(["00", "77"], course=run.course)


# ------------------------------------------------------------------------------------------------------- normalise


def test_ids_are_kept_and_missing_or_doubled_ones_depend_on_the_text_alone():
    cells = [cell("a", id="mine"), cell("b"), cell("b"), cell("c", id="mine")]
    ids = [each["id"] for each in normalise(book(*cells), "01_x")["cells"]]
    assert ids[0] == "mine" and len(set(ids)) == 4
    assert ids == [each["id"] for each in normalise(book(*cells), "01_x")["cells"]]
    assert ids[1:] != [each["id"] for each in normalise(book(*cells), "02_y")["cells"]][1:]


def test_what_is_printed_in_pieces_is_one_output():
    pieces = [{"output_type": "stream", "name": name, "text": text}
              for name, text in (("stdout", "a"), ("stdout", ["b\n", "c"]), ("stderr", "!"), ("stdout", "d"))]
    (clean,) = normalise(book(cell("x", outputs=pieces)), "01_x")["cells"]
    assert [each["text"] for each in clean["outputs"]] == ["ab\nc", "!", "d"]


def test_normalising_twice_is_normalising_once():
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "x"}}
    notebook = book(
        cell(["a = 1\n", "a"], tags=["hide"], outputs=[
            {"output_type": "display_data", "data": view, "metadata": {}},
            {"output_type": "display_data", "data": {**view, "text/plain": "slider"}, "metadata": {}}]),
        prose("text"), widgets={}, toc=1)
    notebook["cells"][0]["metadata"] |= {"execution": {"iopub.status.busy": "now"}, "collapsed": False}
    once = normalise(notebook, "01_x")
    assert normalise(once, "01_x") == once
    assert [output["data"] for output in once["cells"][0]["outputs"]] == [{"text/plain": "slider"}]
    assert once["cells"][0]["metadata"] == {"tags": ["hide"]}
    assert notebook["cells"][0]["outputs"][0]["data"] == view, "the original is left as it was"
