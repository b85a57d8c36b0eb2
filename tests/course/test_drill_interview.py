"""The mock interview and the Anki export: what leaves the drill, and stays true outside it."""

from __future__ import annotations

import json
import sqlite3
import zipfile

import pytest
from drill_deck import BAD, cards, write_course, write_topic

from evlab.course.drills import DrillState, Interview, load_deck, write_anki
from evlab.course.drills.anki import AnkiError
from evlab.course.drills.scheduler import Rating
from evlab.errors import InvalidUse


@pytest.fixture(autouse=True)
def course(tmp_path, monkeypatch):
    course = write_course(tmp_path / "course")
    more = [cards("bus-or-call")[0] | {"id": f"{topic}-{n}", "prompt": f"Design {topic} {n} | with `code`?",
                                       "notebook": book}
            for topic, book in (("a", "01"), ("b", "01"), ("c", "24")) for n in range(3)]
    for topic in "abc":
        write_topic(course, [card for card in more if card["id"].startswith(topic)], f"t-{topic}", f"Topic {topic}")
    monkeypatch.setenv("EVLAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EVLAB_COURSE", str(course))
    return course


class Clock:
    def __init__(self):
        self.now = 1_700_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def talk(clock):
    return lambda **more: Interview(load_deck(), DrillState(), clock=clock, **more)


def test_a_seed_chooses_the_same_questions_one_of_each_topic_first(talk):
    ids = [card.id for card in talk(questions=3, seed=4).cards]
    assert ids == [card.id for card in talk(questions=3, seed=4).cards]
    assert all(len({card.topic for card in talk(questions=3, seed=seed).cards}) == 3 for seed in range(20))
    assert len({tuple(card.id for card in talk(questions=3, seed=seed).cards) for seed in range(30)}) > 10
    everything = talk(questions=50).cards
    assert len(everything) == 7 and all(card.kind == "open" and card.notebook == "01" for card in everything)


@pytest.mark.parametrize("wrong", [{"questions": 0}, {"questions": 1.5}, {"minutes": 0}, {"minutes": 601},
                                   {"topic": "t-c"}, {"topic": "x"}, {"level": "junior"}])
def test_an_interview_that_cannot_be_held_is_refused_with_the_next_step(talk, wrong):
    with pytest.raises(InvalidUse) as refused:
        talk(**wrong)
    assert refused.value.next_step


def test_time_runs_while_a_question_is_answered_and_stands_while_the_rubric_is_ticked(talk, clock):
    one = talk(questions=3, minutes=10)
    one.ask()
    clock.now += 120
    assert one.seconds_left() == 480
    one.answered()
    clock.now += 1000
    assert one.seconds_left() == 480
    one.tick([0])
    clock.now += 1000
    assert one.ask() is not None
    clock.now += 500
    assert one.seconds_left() == -20, "an answer may run over; there is no next question"
    one.tick([0, 1, 2])
    assert one.ask() is None
    assert [answer.seconds for answer in one.report().answered] == [120, 500, 0]


def test_the_report_tells_score_by_topic_missed_points_and_notebooks(talk, clock):
    one = talk(questions=3, seed=4, minutes=5)
    for points in ([0, 1, 2], [1]):
        one.ask()
        clock.now += 60
        one.tick(points)
    report = one.report()
    assert [(answer.score, answer.reached) for answer in report.answered] == [(1.0, True), (0.3, True), (0.0, False)]
    assert report.score == pytest.approx(1.3 / 3)
    assert list(report.topics().values()) == [0.0, 0.3, 1.0]
    assert report.answered[1].missed == ("names a number", "says what it depends on")
    assert report.notebooks() == ["01"]
    page = report.markdown()
    assert "Score: 43% over 3 questions, 2:00 of 5:00 used (seed 4)." in page
    assert "- missed: names a number" in page and "not reached" in page and "Revise: notebook 01." in page
    assert page.count("- every point was said") == 1


def test_an_interview_is_kept_and_its_cards_are_reviewed(talk):
    one = talk(questions=1)
    card = one.ask()
    one.tick([0, 1])
    one.report()
    kinds = [(fact.kind, fact.id) for _, fact in DrillState().history()]
    assert kinds == [("review", card.id), ("interview", "seed-0")]
    assert DrillState().memories()[card.id].rating == Rating.HARD
    assert DrillState().history()[-1][1].value["answered"][0]["missed"] == ["says what it depends on"]


def test_the_call_order_is_kept(talk):
    one = talk()
    for call in (one.answered, lambda: one.tick([0])):
        with pytest.raises(InvalidUse, match="No question is open"):
            call()
    assert one.ask() is one.ask()
    with pytest.raises(InvalidUse):
        one.tick([9])
    assert one.tick([]).score == 0


# ------------------------------------------------------------------------------------------------------ Anki


def notes(path, folder):
    """The notes of an Anki package as (guid, fields, model id), and the names of its decks."""
    with zipfile.ZipFile(path) as package:
        package.extract("collection.anki2", folder)
    db = sqlite3.connect(folder / "collection.anki2")
    rows = db.execute("SELECT guid, flds, mid FROM notes").fetchall()
    decks = json.loads(db.execute("SELECT decks FROM col").fetchone()[0])
    placed = db.execute(f"SELECT count(*) FROM cards WHERE did IN ({','.join(decks)})").fetchone()[0]
    db.close()
    return [(guid, fields.split("\x1f"), model) for guid, fields, model in rows], {
        id: deck["name"] for id, deck in decks.items()}, placed


def test_every_card_is_in_the_package_and_a_second_export_has_the_same_ids(tmp_path, course):
    deck = load_deck()
    assert write_anki(deck, tmp_path / "one.apkg") == len(deck.cards)
    first, decks, placed = notes(tmp_path / "one.apkg", tmp_path)
    assert {fields[2] for _, fields, _ in first} == {card.id for card in deck.cards} and placed == len(deck.cards)
    assert {"evlab::Publish & subscribe", "evlab::Topic a"} <= set(decks.values())
    changed = cards()
    changed[0] |= {"prompt": "Another wording of it?", "level": "staff"}
    write_topic(course, changed[::-1])
    write_anki(load_deck(), tmp_path / "two.apkg")
    second, again, _ = notes(tmp_path / "two.apkg", tmp_path)
    assert {(guid, fields[2], model) for guid, fields, model in first} == {
        (guid, fields[2], model) for guid, fields, model in second}
    assert len({guid for guid, _, _ in first}) == len(first)
    assert decks == again
    assert any("Another wording" in fields[0] for _, fields, _ in second)


def test_the_ids_in_anki_are_those_of_every_export_before(tmp_path):
    write_anki(load_deck(), tmp_path / "a.apkg")
    found, decks, _ = notes(tmp_path / "a.apkg", tmp_path)
    ids = {fields[2]: (guid, model) for guid, fields, model in found}
    assert ids["late-subscriber"] == ("k+..dO{gX%", 1_607_392_811)
    assert {name: id for id, name in decks.items()}["evlab::Publish & subscribe"] == "1318789111"


def test_the_back_says_why_and_all_text_is_escaped(tmp_path):
    write_anki(load_deck(), tmp_path / "a.apkg")
    found, _, _ = notes(tmp_path / "a.apkg", tmp_path)
    sides = {fields[2]: (fields[0], fields[1]) for _, fields, _ in found}
    front, back = sides["late-subscriber"]
    assert "<script" not in front + back and "&lt;script&gt;" in front and "<code>e1</code>" in front
    assert "A log would do that" in back and "A log would do that" not in front and BAD not in front + back
    assert "____" in sides["no-ack"][0] and "[ack]" in sides["no-ack"][1] and "[ack]" not in sides["no-ack"][0]
    assert "{rate}" not in str(sides["backlog"]) and "rate * wait" in sides["backlog"][1]
    assert "ack lost" in sides["charged-twice"][0] and "names a failure (30%)" in sides["bus-or-call"][1]
    items = sides["four-steps"][0]
    assert [items.index(f"<li>{word}</li>") for word in ("handle", "wait")] and "<ol><li>handle</li>" in (
        sides["four-steps"][1])


def test_a_file_that_cannot_be_written_is_an_error_and_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(AnkiError, match="cannot be written"):
        write_anki(load_deck(), tmp_path / "file" / "deck.apkg")
    (tmp_path / "old.apkg").write_text("the old one")
    write_anki(load_deck(), tmp_path / "old.apkg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["course", "file", "old.apkg"]
