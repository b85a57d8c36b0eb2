"""The map: the notebooks that exist, and how far the learner is."""

from __future__ import annotations

import json

import pytest

from evlab.course import Progress, course_map
from evlab.course.data import CourseFileError
from evlab.course.map import BELONGS, PARTS, labs, lessons
from evlab.errors import InvalidUse
from evlab.viz.figure import Figure


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("EVLAB_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("EVLAB_SAVED", raising=False)


def write(folder, name, *code, prose="", **said):
    cells = [{"cell_type": "markdown", "source": [prose]}] + [{"cell_type": "code", "source": text} for text in code]
    metadata = {"evlab": said} if said else {}
    (folder / name).write_text(json.dumps({"cells": cells, "metadata": metadata, "nbformat": 4}), encoding="utf-8")


@pytest.fixture
def books(tmp_path):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    write(folder, "00_start_here.ipynb", "x = 1", title="Start here", minutes=20, question="How does it work?")
    write(folder, "02_publish.ipynb", "%time\ng = predict('02.a', 'x')\nh = course.predict('02.b', 'y')", "oh no(",
          "predict('02.a', 'again')\ncheck('02.c')",
          title="Publish and subscribe", minutes=40,
          question="Who knows whom?")
    write(folder, "10_log.ipynb", prose="# 10 · The partitioned log\n\nHow fast? **35-40 min**.")
    (folder / "notes.txt").write_text("not a notebook")
    return folder


def test_only_what_exists_is_on_the_map(books):
    figure = course_map("02", folder=books)
    assert isinstance(figure, Figure)
    assert figure.text == (
        "3 notebooks, 1 h 40 min; you are in 02. You have made 0 of 2 guesses\n"
        "Events and delivery:\n"
        "  00 Start here (20 min, no guesses, short path)\n"
        "  02 Publish and subscribe (40 min, 0 of 2 guesses, short path)  <- you are here\n"
        "The partitioned log:\n"
        "  10 The partitioned log (40 min, no guesses, short path)")


def test_a_notebook_without_metadata_is_read_from_its_first_cell(books):
    assert lessons(books)[2][:4] == ("10", "The partitioned log", 40, "")


def test_the_learners_guesses_are_counted(books):
    Progress().record("guess", "02.a", 3)
    Progress().record("guess", "elsewhere", 3)
    figure = course_map("00", folder=books)
    assert "You have made 1 of 2 guesses" in figure.alt and "1 of 2 guesses" in figure.text
    Progress().record("guess", "02.b", 3)
    assert "all guesses made" in course_map("00", folder=books).svg


def test_a_saved_map_shows_no_progress_and_is_the_same_each_time(books, monkeypatch):
    Progress().record("guess", "02.a", 3)
    monkeypatch.setenv("EVLAB_SAVED", "1")
    figure = course_map("02", folder=books)
    assert "1 of 2" not in figure.text + figure.svg and "2 guesses" in figure.text
    Progress().record("guess", "02.a", 3)
    assert course_map("02", folder=books).svg == figure.svg


def test_the_place_is_marked_once_and_its_question_asked(books):
    svg = course_map("02", folder=books).svg
    assert svg.count("you are here") == 1 + svg.count("(you are here") + svg.split("</desc>")[0].count("you are here")
    assert "Who knows whom?" in svg and "The short path takes 1 h 40 min." in svg
    assert "you are here" not in course_map(folder=books).text


@pytest.mark.parametrize("here", ["03", "2", 2, ""])
def test_a_place_that_is_not_on_the_map_is_refused(books, here):
    with pytest.raises(InvalidUse, match="no notebook"):
        course_map(here, folder=books)


def test_a_folder_without_notebooks_is_refused(tmp_path):
    with pytest.raises(InvalidUse):
        course_map(folder=tmp_path)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"cells": 3}', b'{"cells": [{}]}', b"\xff"])
def test_a_damaged_notebook_is_named(books, text):
    (books / "04_broken.ipynb").write_bytes(text)
    with pytest.raises(CourseFileError) as caught:
        course_map(folder=books)
    assert caught.value.path == "04_broken.ipynb"


# ------------------------------------------------------------------------------------------------------------ labs


@pytest.fixture
def with_labs(books):
    folder = books.parent / "labs"
    folder.mkdir()
    write(folder, "lab01_a_bus.ipynb", "from evlab.course import check\ncheck('lab01.q1')", "check('lab01.q2', seed=4)",
          "check('lab01.q1')", prose="# Lab 01: A bus you can trust")
    write(folder, "lab05_a_log.ipynb", "check('lab05.q1')", title="A log on disk")
    write(folder, "lab12_incident.ipynb")
    (folder / "authoring").mkdir()
    write(folder / "authoring", "lab01_a_bus.ipynb", "check('lab01.q9')")
    return books


def test_a_lab_stands_under_its_notebook_or_the_last_one_before_it(with_labs):
    assert [tuple(lab) for lab in labs(with_labs)] == [
        ("lab01", "A bus you can trust", "02", ("lab01.q1", "lab01.q2")),
        ("lab05", "A log on disk", "10", ("lab05.q1",)), ("lab12", "incident", "10", ())]
    write(with_labs, "03_delivery.ipynb", title="When delivery fails")
    assert labs(with_labs)[0].notebook == "03"
    (with_labs / "00_start_here.ipynb").unlink()
    (with_labs / "02_publish.ipynb").unlink()
    (with_labs / "03_delivery.ipynb").unlink()
    assert labs(with_labs)[0].notebook == "10"


def test_checks_that_passed_are_counted(with_labs):
    for question, right in (("lab01.q1", False), ("lab01.q1", True), ("lab01.q2", False), ("lab07.q1", True)):
        Progress().record("check", question, {}, right)
    figure = course_map("02", folder=with_labs)
    assert figure.text.splitlines()[0].endswith("You have made 0 of 2 guesses and passed 1 of 3 checks")
    assert "    lab01 A bus you can trust (1 of 2 passed)\n" in figure.text
    assert "    lab05 A log on disk (0 of 1 passed)\n    lab12 incident (no checks)" in figure.text
    assert "1 of 2 passed" in figure.svg and "A box under a notebook is its lab." in figure.svg
    assert figure.text.startswith("3 notebooks and 3 labs, ")


def test_a_lab_that_was_passed_and_then_broken_is_not_passed(with_labs):
    Progress().record("check", "lab05.q1", {}, True)
    assert "(1 of 1 passed)" in course_map(folder=with_labs).text
    Progress().record("check", "lab05.q1", {}, False)
    assert "(0 of 1 passed)" in course_map(folder=with_labs).text


def test_a_saved_map_shows_what_there_is_to_check_and_no_result(with_labs, monkeypatch):
    Progress().record("check", "lab01.q1", {}, True)
    monkeypatch.setenv("EVLAB_SAVED", "1")
    figure = course_map("02", folder=with_labs)
    assert "lab01 A bus you can trust (2 checks)" in figure.text and "lab05 A log on disk (1 check)" in figure.text
    assert "passed" not in figure.text + figure.svg


def test_a_course_without_labs_says_nothing_of_labs(books):
    figure = course_map(folder=books)
    assert "lab" not in figure.text and "its lab" not in figure.svg


def test_the_words_stay_on_the_page_and_apart_for_any_course(tmp_path, monkeypatch):
    (tmp_path / "labs").mkdir()
    for lab in BELONGS:
        write(tmp_path / "labs", f"{lab}_x.ipynb", f"check('{lab}.q1')", title="A lab with a long title " * 3)
    write(tmp_path / "labs", "lab13_x.ipynb", title="x")
    tmp_path = tmp_path / "notebooks"
    tmp_path.mkdir()
    for number in range(26):
        write(tmp_path, f"{number:02d}_x.ipynb", *[f"predict('{number}.{k}', 'x')" for k in range(number % 8)],
              title="Concurrency, snapshots and forgetting what must be forgotten" if number % 3 else "Événements <b>",
              minutes=30 + number, question="W" * 200)
    made = []
    from evlab.course import map as module

    class Watched(module.Svg):
        def render(self, height):
            made.append(self)
            return super().render(height)

    monkeypatch.setattr(module, "Svg", Watched)
    figure = course_map("05", folder=tmp_path)
    assert made[0].overflow() == [] and made[0].collisions() == []
    assert all(f"{name}:" in figure.text for name, _, _ in PARTS) and "More:" in figure.text
    assert figure.text.count("(0 of 1 passed)") == 12 and "    lab13 x (no checks)" in figure.text
