"""Drilling: which card comes, what an answer is worth, when it comes again, and that no answer is ever lost."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import fsrs
import pytest
from drill_deck import TAUGHT, write_course
from hypothesis import given, settings
from hypothesis import strategies as st

from evlab.course.drills import DrillState, Rating, Session, load_deck, make_due
from evlab.course.drills.grading import grade
from evlab.course.drills.scheduler import chance_to_recall
from evlab.course.drills.session import present
from evlab.course.facts import home_folder
from evlab.course.progress import Progress
from evlab.errors import InvalidUse

DAY, NOON = 86_400.0, datetime(2026, 3, 2, 12).timestamp()


class Clock:
    """A clock that stands where a test puts it."""

    def __init__(self, now=NOON):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture(autouse=True)
def course(tmp_path, monkeypatch):
    monkeypatch.setenv("EVLAB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EVLAB_COURSE", str(write_course(tmp_path / "course")))


@pytest.fixture
def deck():
    return load_deck()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "home" / "drills.db"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def session(deck, path, clock):
    """`session(...)`: a new session over the same file and clock."""
    return lambda **more: Session(deck, DrillState(path), clock=clock, **more)


def right_answer(shown):
    """What a learner who knows the card does on the screen."""
    card = shown.card
    match card.kind:
        case "choice" | "trace":
            return [option.right for option in shown.options].index(True)
        case "order":
            return [shown.items.index(item) for item in card.items]
        case "cloze":
            return ["ack", "delivers again"]
        case "numeric":
            return shown.variant.answer
    return range(len(card.rubric))


def drill(session, answer=right_answer, most=100):
    """Answer until there is no card; the ids in the order asked."""
    asked = []
    while (shown := session.next()) is not None and len(asked) < most:
        asked.append(shown.card.id)
        session.answer(answer(shown))
    return asked


# ------------------------------------------------------------------------------------------- which card comes


def test_new_cards_come_in_course_order_and_only_of_notebooks_that_exist(session):
    assert drill(session()) == TAUGHT and "not-yet" not in TAUGHT


def test_what_is_due_comes_before_what_is_new_the_longest_waiting_first(session, clock):
    first = session(new=3)
    assert drill(first) == TAUGHT[:3]
    clock.now += 30 * DAY
    assert drill(session()) == [*TAUGHT[:3], *TAUGHT[3:]]
    clock.now += 1
    assert drill(session()) == []


def test_new_cards_are_limited_by_the_day_and_not_by_the_session(session, clock):
    assert len(drill(session(new=2))) == 2
    assert drill(session(new=2)) == []
    clock.now += DAY
    due_and_new = drill(session(new=2), most=9)
    assert [id for id in due_and_new if id not in TAUGHT[:2]] == TAUGHT[2:4]


def test_a_missed_card_comes_again_in_the_same_session_until_it_is_known(session, deck):
    today = session(new=2)
    assert today.left() == (0, 2, 0)
    for _ in range(2):
        today.next()
        today.answer(None)
    assert today.left() == (0, 0, 2)
    assert drill(today) == TAUGHT[:2]
    assert today.tally() == (4, 2)


def test_every_card_is_asked_once_when_the_schedule_is_ignored(session):
    drill(session())
    assert drill(session(every=True), lambda shown: None) == TAUGHT
    assert drill(session(only=["backlog", "not-yet"]), lambda shown: None) == ["backlog", "not-yet"]


def test_topic_and_level_choose(session):
    assert drill(session(level="mid")) == ["no-ack", "backlog"]
    with pytest.raises(InvalidUse, match="no topic 'x'"):
        session(topic="x")
    with pytest.raises(InvalidUse, match="new=-1"):
        session(new=-1)


def test_a_labs_hint_makes_its_cards_due_seen_or_not_and_says_why(session, deck, path, clock):
    drill(session(new=1))
    state = DrillState(path)
    state.make_due(["backlog", "late-subscriber", "no-such-card", "", 7], "lab01.q2: SWALLOWED", at=clock.now)
    assert state.due(deck, clock.now) == ["late-subscriber", "backlog"]
    today = session(new=0)
    assert today.next().because == "lab01.q2: SWALLOWED" and not today.shown.new
    assert drill(today) == ["late-subscriber", "backlog"]
    assert state.due(deck, clock.now) == [], "an answer settles it"


def test_the_same_hint_twice_leaves_one_fact_and_no_reason_is_refused(path):
    make_due(["no-ack"], "lab01.q1")
    make_due(["no-ack"], "lab01.q1")
    assert [fact.kind for _, fact in DrillState(path).history()] == ["due"]
    make_due(["no-ack"], "lab01.q2")
    assert len(DrillState(path).history()) == 2
    DrillState(path).review("no-ack", Rating.GOOD)
    make_due(["no-ack"], "lab01.q2")
    assert len(DrillState(path).history()) == 4, "it was reviewed in between"
    with pytest.raises(InvalidUse, match="no reason"):
        make_due(["no-ack"], " ")


def test_a_grader_that_makes_cards_due_loads_neither_deck_nor_scheduler():
    code = ("import sys\nfrom evlab.course.drills import make_due\nmake_due(['no-ack'], 'lab01.q1')\n"
            "print(sorted({'fsrs', 'yaml', 'rich', 'anywidget'} & set(sys.modules)))")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


# ------------------------------------------------------------------------------------------ what is shown


def test_the_same_seed_shows_the_same_and_another_review_another_order(deck):
    card = deck.card("four-steps")
    assert present(card, 5) == present(card, 5)
    orders = {present(card, seed).order for seed in range(100)}
    assert len(orders) == 23 and tuple(range(4)) not in orders, "never in the right order"
    assert len({present(deck.card("late-subscriber"), seed).order for seed in range(100)}) == 6


def test_the_next_review_of_a_numeric_card_draws_other_numbers(session, clock):
    seen = []
    for _ in range(4):
        today = session(only=["backlog"])
        shown = today.next()
        assert f"at {shown.variant.values['rate']} a second" in shown.prompt
        told = today.answer(shown.variant.answer)
        assert f"so {shown.variant.answer:,}." in told.answer
        assert told.pitfalls == (f"They forget the {shown.variant.values['wait']} seconds.",)
        seen.append(shown.variant)
        clock.now += DAY
    assert len({str(one) for one in seen}) == 4


def test_asked_again_before_the_answer_it_is_the_same_card(session):
    today = session()
    assert today.next() is today.next()
    assert session().next() == today.next(), "and another session over the same file shows the same"


# ------------------------------------------------------------------------------------------- what it is worth


@pytest.mark.parametrize(("id", "answer", "rating"), [
    ("late-subscriber", 1, 3), ("late-subscriber", 0, 1), ("late-subscriber", None, 1),
    ("four-steps", [0, 1, 2, 3], 3), ("four-steps", [1, 0, 2, 3], 1),
    ("no-ack", ["Ack", " `Delivers-Again`. "], 3), ("no-ack", ["acknowledgement", "delivers again"], 3),
    ("no-ack", ["nack", "delivers again"], 1), ("no-ack", ["", ""], 1),
    ("charged-twice", 1, 3), ("charged-twice", 2, 1),
    ("bus-or-call", [0, 1, 2], 3), ("bus-or-call", [0, 1], 2), ("bus-or-call", [0], 1), ("bus-or-call", [], 1)])
def test_an_answer_is_graded_and_mapped_to_a_rating(deck, id, answer, rating):
    assert grade(deck.card(id), answer).rating == rating


@pytest.mark.parametrize(("answer", "right"), [
    ("1,000", True), ("1000 orders", True), (1000, True), ("1049", True), ("951.0", True), ("1051", False), (0, False)])
def test_a_number_is_right_within_its_tolerance_however_it_is_typed(deck, answer, right):
    card = deck.card("backlog")
    shown = next(shown for seed in range(500) if (shown := present(card, seed)).variant.answer == 1000)
    assert grade(card, answer, shown.variant).right is right


@pytest.mark.parametrize(("id", "answer"), [
    ("late-subscriber", 3), ("late-subscriber", -1), ("late-subscriber", "1"), ("late-subscriber", True),
    ("four-steps", [0, 1, 2]), ("four-steps", [0, 0, 1, 2]), ("four-steps", "0123"), ("four-steps", 5),
    ("no-ack", ["ack"]), ("no-ack", "ack"), ("backlog", "many"), ("backlog", ""), ("backlog", "nan"),
    ("bus-or-call", [3]), ("bus-or-call", "all"), ("bus-or-call", 1), ("bus-or-call", [True])])
def test_what_is_no_answer_is_refused_records_nothing_and_the_card_waits(session, path, id, answer):
    today = session(only=[id])
    shown = today.next()
    with pytest.raises(InvalidUse):
        today.answer(answer)
    assert today.next() is shown and DrillState(path).history() == []


def test_what_is_told_holds_the_chosen_option_as_the_card_lists_it(session):
    today = session()
    shown = today.next()
    place = [option.text for option in shown.options].index("e1 and e2")
    told = today.answer(place)
    assert told.shown.card.options[told.given].text == "e1 and e2" and not told.grade.right
    assert told.due == pytest.approx(NOON + 600)


def test_the_learner_may_rate_an_answer_otherwise(session, path):
    today = session()
    today.next()
    good = today.answer(right_answer(today.shown))
    easy = today.rate(Rating.EASY)
    assert easy.due > good.due and easy.rating == Rating.EASY
    hard = today.rate(Rating.HARD)
    assert hard.due < good.due
    assert DrillState(path).memories()["late-subscriber"].due == hard.due
    assert DrillState(path).memories()["late-subscriber"].reviews == 1
    with pytest.raises(InvalidUse, match="No card was answered"):
        session().rate(Rating.EASY)
    with pytest.raises(InvalidUse, match="No card is waiting"):
        session().answer(1)


# --------------------------------------------------------------------------------------------- the schedule


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(list(Rating)), st.floats(0, 60)), min_size=1, max_size=12))
def test_the_schedule_is_that_of_fsrs_itself(tmp_path_factory, reviews):
    state, now = DrillState(tmp_path_factory.mktemp("fold") / "drills.db"), NOON
    oracle = fsrs.Scheduler(desired_retention=0.9, enable_fuzzing=False, learning_steps=[timedelta(minutes=10)],
                            relearning_steps=[timedelta(minutes=10)])
    card = fsrs.Card(card_id=1)
    for rating, days in reviews:
        now += days * DAY
        state.review("a-card", rating, at=now)
        card, _ = oracle.review_card(card, fsrs.Rating(int(rating)), datetime.fromtimestamp(now, UTC))
    memory = DrillState(state.path).memories()["a-card"]
    assert (memory.due, memory.reviews) == (card.due.timestamp(), len(reviews))
    later = now + 20 * DAY
    assert chance_to_recall(memory, later) == oracle.get_card_retrievability(card, datetime.fromtimestamp(later, UTC))


def test_known_cards_go_out_to_longer_and_longer_intervals(path):
    state, now, gaps = DrillState(path), NOON, []
    for _ in range(5):
        state.review("a-card", Rating.GOOD, at=now)
        gaps.append(round((state.memories()["a-card"].due - now) / DAY))
        now = state.memories()["a-card"].due
    assert gaps == sorted(gaps) and gaps[0] >= 1 and gaps[-1] > 60


def test_a_clock_that_went_back_does_no_harm(path):
    state = DrillState(path)
    state.review("a-card", Rating.GOOD, at=NOON)
    state.review("a-card", Rating.GOOD, at=NOON - 400 * DAY)
    assert state.memories()["a-card"].last == NOON


def test_the_summary_tells_cards_seen_due_and_recall_by_topic(session, deck, path, clock):
    assert DrillState(path).summary(deck, NOON) == [("pub-sub", "Publish & subscribe", 7, 0, 0, None)]
    drill(session(new=3))
    (line,) = DrillState(path).summary(deck, NOON)
    assert (line.cards, line.seen, line.due, line.retention) == (7, 3, 0, 1.0)
    clock.now += 60 * DAY
    (line,) = DrillState(path).summary(deck, clock.now)
    assert line.due == 3 and 0.2 < line.retention < 0.9


def test_two_states_over_one_file_see_each_others_reviews_and_a_file_begun_anew(path):
    one, other = DrillState(path), DrillState(path)
    one.review("a-card", Rating.GOOD, at=NOON)
    assert other.memories()["a-card"].reviews == 1
    other.review("a-card", Rating.GOOD, at=NOON + DAY)
    assert one.memories()["a-card"].reviews == 2
    for file in path.parent.glob("drills.db*"):
        file.unlink()
    other.review("another", Rating.GOOD, at=NOON)
    assert set(one.memories()) == {"another"}


# -------------------------------------------------------------------------------------- nothing is ever lost


WRITER = """
import sys
from evlab.course.drills import DrillState, Rating
state = DrillState(sys.argv[2])
for n in range(1000):
    state.review(f"{sys.argv[1]}-{n}", Rating.GOOD, answer=n, seed=n)
    print(f"{sys.argv[1]}-{n}", flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="kill -9 is a Unix matter")
def test_every_review_that_was_acked_survives_kill_9(path):
    seed = random.randrange(10**6)
    print("seed", seed)
    stop_after, acked = random.Random(seed), []
    for round in range(5):
        process = subprocess.Popen([sys.executable, "-c", WRITER, f"round{round}", str(path)], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        acked += [process.stdout.readline().strip() for _ in range(stop_after.randrange(1, 20))]
        process.kill()
        process.communicate()
    assert set(acked) <= set(DrillState(path).memories())


def test_a_damaged_file_is_kept_under_its_own_name_and_drilling_goes_on(session, path, capsys):
    path.parent.mkdir()
    path.write_bytes(b"this is no database" * 200)
    assert drill(session(new=1)) == TAUGHT[:1]
    assert len(list(path.parent.glob("drills-damaged-*.db"))) == 1
    assert "the file of your drills was damaged" in capsys.readouterr().err


@settings(max_examples=25, deadline=None)
@given(hits=st.lists(st.tuples(st.integers(0, 8191), st.binary(min_size=1, max_size=60)), min_size=1, max_size=4))
def test_flipped_bits_never_stop_a_drill(tmp_path_factory, hits):
    path = tmp_path_factory.mktemp("flips") / "drills.db"
    DrillState(path).record_all("review", {f"card-{n}": {"rating": 3, "answer": n, "seed": n} for n in range(60)}, NOON)
    data = bytearray(path.read_bytes())
    for at, junk in hits:
        data[at % len(data):at % len(data) + len(junk)] = junk
    path.write_bytes(data)
    state = DrillState(path)
    state.memories()
    state.review("after", Rating.GOOD, at=NOON)
    assert DrillState(path).memories()["after"].reviews == 1


def test_facts_that_this_version_does_not_know_are_passed_over(path):
    state = DrillState(path)
    for value in ({"rating": 9}, {"stars": 3}, None, "good", [3], {"rating": True}):
        state.record("review", "a-card", value)
    state.record("rating", "a-card", 4)
    state.record("review", "a-card", {"rating": 3}, at=1e300)
    state.record("a-later-kind", "a-card", {"rating": 3})
    assert state.memories() == {}


def test_while_a_notebook_is_saved_reviews_live_in_memory(deck, monkeypatch):
    monkeypatch.setenv("EVLAB_SAVED", "1")
    today = Session(deck, DrillState(), clock=Clock())
    today.next()
    today.answer(0)
    assert DrillState().memories() and not home_folder().exists()
    assert Progress().facts("review") == [], "the guesses of the same notebook are facts of their own"


def test_what_is_no_rating_is_refused(path):
    for call in (lambda: DrillState(path).review("a-card", 5), lambda: DrillState(path).rate("a-card", "good")):
        with pytest.raises(InvalidUse, match="is no rating"):
            call()
