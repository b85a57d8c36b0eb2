"""The question bank: every question that a notebook asks is in it, and every one in it is asked."""

from __future__ import annotations

import json

import pytest

from evlab.course import predict, quiz
from evlab.course.bank import find_question, questions_of
from evlab.course.book import Book
from evlab.course.data import CourseFileError, course_folder
from evlab.course.wording import voice
from evlab.course.workspace import course_notebooks
from evlab.errors import InvalidUse
from evlab.viz import compare

FILES = sorted((course_folder() / "data" / "questions").glob("*.toml"))
NOTEBOOKS = course_notebooks(course_folder())
BOOKS = {path.stem[:2]: path for name, path in NOTEBOOKS.items() if name.startswith("notebooks/")}


def test_each_notebook_has_its_questions_and_each_file_its_notebook():
    assert [path.stem for path in FILES] == sorted(BOOKS)


@pytest.mark.parametrize("notebook", BOOKS)
def test_a_notebook_asks_the_questions_of_its_file_and_no_others_in_their_order(notebook):
    book = Book(json.loads(BOOKS[notebook].read_text("utf-8")), BOOKS[notebook].name)
    for verb, mark in (("predict", "sample"), ("quiz", "answer")):
        own = [f"{notebook}.{name}" for name, question in questions_of(notebook).items() if mark in question]
        assert book.questions(verb) == own, (f"the calls of {verb}() in notebook {notebook}, and the tables of "
                                             f"data/questions/{notebook}.toml that have {mark}")


@pytest.mark.parametrize("id", [f"{path.stem}.{name}" for path in FILES for name in questions_of(path.stem)])
def test_a_question_can_be_answered_and_each_choice_has_its_reason(id):
    question = find_question(id)
    if "answer" in question:
        quiz(id)
    else:
        predict(id)
        assert question.get("finding"), f"[{id}] has no finding, the title of the picture that answers it"
        assert "sample" in question, f"[{id}] has no sample, the guess that the saved notebook shows"
        if "options" in question:
            assert question["sample"] in question["options"] and len(question["options"]) >= 3
    assert all(reason.endswith(".") for reason in question.get("options", {}).values())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_question_is_worded_as_the_course_is(path):
    said = [str(text) for question in questions_of(path.stem).values() for value in question.values()
            for text in ([*value, *value.values()] if isinstance(value, dict) else [value])]
    assert [what for text in said for what in voice(text)] == []


@pytest.mark.parametrize("id", ["00.nothing", "99.receipts", "receipts", "", None, "../00.receipts"])
def test_an_unknown_question_is_refused(id):
    with pytest.raises(InvalidUse, match="there is no question"):
        find_question(id)


@pytest.mark.parametrize("text", ["[one", "[one]\nanswer = 'x'", "[one]\nask = 'x'\nwhy = 'y'", "ask = 1"])
def test_a_damaged_bank_is_named(text, tmp_path, monkeypatch):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "data" / "questions").mkdir(parents=True)
    (tmp_path / "data" / "questions" / "77.toml").write_text(text)
    monkeypatch.setenv("EVLAB_COURSE", str(tmp_path))
    questions_of.cache_clear()
    with pytest.raises(CourseFileError, match=r"77\.toml is damaged"):
        find_question("77.receipts")
    questions_of.cache_clear()


@pytest.mark.parametrize(("actual", "said"), [(1, "truth: 1 order"), (2, "truth: 2 orders")])
def test_one_of_a_thing_is_said_in_the_singular(actual, said):
    text = compare(predict("my.count", "How many?", unit="orders", finding="Counted"), actual).text
    assert f"{said}\n" in text and "1 orders" not in text


def test_comparing_judges_the_guess_and_says_the_reason_of_the_truth():
    class Told:
        prompt, guess, sample, unit, finding = "How many?", "one", False, "", "Two it was"
        options = {"one": "Nobody said so.", "two": "No ack came."}  # noqa: RUF012
        heard = None

        def judge(self, actual):
            self.heard = actual

    told = Told()
    text = compare(told, "two").text
    assert told.heard == "two" and text.startswith("Two it was")
    assert "Nobody said so." in text and "No ack came." in text
