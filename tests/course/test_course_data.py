"""The shop's orders, and where the course's files are."""

from __future__ import annotations

import json

import pytest

from evlab.course.data import CourseFileError, course_folder, load_engines, load_orders
from evlab.errors import InvalidUse


@pytest.fixture
def orders(tmp_path, monkeypatch):
    """A course with three orders. Returns their file."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "data").mkdir()
    file = tmp_path / "data/orders.jsonl"
    file.write_text("".join(json.dumps({"id": number, "customer": "Åsa"}) + "\n" for number in (1040, 1041, 1042)))
    monkeypatch.setenv("EVLAB_COURSE", str(tmp_path))
    return file


@pytest.mark.parametrize(("limit", "ids"), [(None, [1040, 1041, 1042]), (2, [1040, 1041]), (0, []),
                                            (9, [1040, 1041, 1042])])
def test_orders_come_oldest_first_up_to_the_limit(orders, limit, ids):
    assert [order["id"] for order in load_orders(limit)] == ids


def test_changing_what_you_got_changes_nothing_for_the_next_call(orders):
    load_orders()[0]["id"] = "mine"
    assert load_orders(1) == [{"id": 1040, "customer": "Åsa"}]


@pytest.mark.parametrize("limit", [-1, 2.0, True, "3"])
def test_a_limit_that_is_no_count_is_refused(orders, limit):
    with pytest.raises(InvalidUse):
        load_orders(limit)


@pytest.mark.parametrize(("line", "what"), [("{", "not JSON"), ("[1]", "not an order"), ("", "not JSON"),
                                            ("\udcff", "not JSON")])
def test_a_damaged_file_is_named_with_its_line_and_the_cure(orders, line, what):
    with open(orders, "ab") as file:
        file.write(line.encode("utf-8", "surrogateescape") + b"\n")
    with pytest.raises(CourseFileError, match=f"line 4 .* is {what}") as damaged:
        load_orders()
    assert "git checkout" in damaged.value.next_step
    assert len(load_orders(3)) == 3, "what stands before it can be read"


def test_a_missing_file_is_named_with_the_cure(orders):
    orders.unlink()
    with pytest.raises(CourseFileError, match="is missing"):
        load_orders()


def test_a_folder_that_is_no_course_is_an_error_with_a_next_step(monkeypatch, tmp_path):
    monkeypatch.setenv("EVLAB_COURSE", str(tmp_path))
    with pytest.raises(CourseFileError) as missing:
        course_folder()
    assert "make lab" in missing.value.next_step


def test_what_real_servers_did_is_there():
    found = load_engines()
    assert found["gap"] == {"seen": [2], "there": [1, 2]} and found["machine"] and found["servers"]
    assert all(0 < row["one by one"] < row["many"] for row in found["rates"])


@pytest.mark.parametrize("text", [None, "", "{"])
def test_without_it_the_error_names_the_file(orders, text):
    if text is not None:
        (orders.parent / "engines.json").write_text(text)
    with pytest.raises(CourseFileError) as caught:
        load_engines()
    assert caught.value.path == "data/engines.json" and "git checkout" in caught.value.next_step
