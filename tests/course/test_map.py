"""The map: the notebooks that exist, and how far the learner is."""

from __future__ import annotations

import json

import pytest

from evlab.course import Progress, course_map
from evlab.course.data import CourseFileError
from evlab.course.map import PARTS, lessons
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
        "  00 Start here (20 min, no guesses, three-hour path)\n"
        "  02 Publish and subscribe (40 min, 0 of 2 guesses, three-hour path)  <- you are here\n"
        "The partitioned log:\n"
        "  10 The partitioned log (40 min, no guesses, three-hour path)")


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
    assert "Who knows whom?" in svg
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


def test_the_words_stay_on_the_page_and_apart_for_any_course(tmp_path, monkeypatch):
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
