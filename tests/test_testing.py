"""given / when / then: each outcome, and what a story says when it is not so."""

from __future__ import annotations

import pytest

from evlab import Decider, Event, EventStore, Rejected, given
from evlab.errors import EvlabError, InvalidUse
from evlab.testing import NotAsTold


def moved(cents):
    return Event(type="MoneyMoved", data={"cents": cents}, source="bank")


CLOSED = Event(type="AccountClosed", source="bank")


def decide(command, balance):
    if command == "close":
        if balance:
            raise Rejected(f"{balance} cents are left", why="nobody would own them")
        return CLOSED
    if command == "sweep":
        return [moved(-balance), CLOSED]
    if command == "break":
        raise ZeroDivisionError("a fault in decide")
    if balance + command < 0:
        raise Rejected("insufficient funds")
    return [moved(command)] if command else None


def evolve(balance, event):
    return balance + event.data.get("cents", 0)


ACCOUNT = Decider(0, decide, evolve)


def told(story):
    """What a story says that is not so."""
    with pytest.raises(NotAsTold) as caught:
        story()
    return caught.value


# ------------------------------------------------------------------------------------------------------------- it is so


def test_what_is_so_says_nothing():
    story = given(ACCOUNT, moved(50))
    assert story.when(-20).then(moved(-20)) is None
    assert story.when(0).then() is None
    assert story.when("sweep").then(moved(-50), CLOSED) is None
    assert given(ACCOUNT).when("close").then(CLOSED) is None
    assert story.when(-51).then_rejected() is None
    assert story.when(-51).then_rejected("insufficient") is None
    assert story.then_state(50) is None and given(ACCOUNT).then_state(0) is None
    assert story.when(-20).then_state(30) is None
    assert story.when(0).then_state(50) is None


def test_the_events_of_a_store_may_be_given():
    store = EventStore()
    store.append("account-1", [moved(5), moved(6)])
    given(ACCOUNT, *store.read("account-1")).then_state(11)


def test_ids_and_times_are_left_aside_and_type_and_data_are_not():
    given(ACCOUNT).when(5).then(Event(type="MoneyMoved", data={"cents": 5}, id="another", source="elsewhere"))
    told(lambda: given(ACCOUNT).when(5).then(Event(type="MoneyGiven", data={"cents": 5})))
    told(lambda: given(ACCOUNT).when(5).then(Event(type="MoneyMoved", data={"cents": 5, "from": "x"})))


def test_a_story_may_be_told_on_from_the_middle_and_starts_anew_each_time():
    def in_place(state, event):
        state.append(event.type)
        return state

    story = given(Decider(list, decide, in_place), CLOSED)
    for _ in range(2):
        story.then_state(["AccountClosed"])


# --------------------------------------------------------------------------------------------------------- it is not so


def test_other_events_are_shown_beside_the_expected_ones():
    error = told(lambda: given(ACCOUNT, moved(50)).when("sweep").then(moved(-50)))
    assert error.what == "'sweep' led to MoneyMoved {'cents': -50}, AccountClosed {}"
    assert error.why == "MoneyMoved {'cents': -50} was expected" and error.next_step
    assert [event.type for event in error.found] == ["MoneyMoved", "AccountClosed"]
    assert [event.type for event in error.expected] == ["MoneyMoved"]


@pytest.mark.parametrize("expected", [
    [CLOSED, moved(-50)], [moved(-50)], [moved(-50), CLOSED, CLOSED], [moved(-49), CLOSED]])
def test_order_number_and_data_have_to_agree(expected):
    told(lambda: given(ACCOUNT, moved(50)).when("sweep").then(*expected))


def test_nothing_is_said_in_words():
    assert told(lambda: given(ACCOUNT).when(0).then(moved(1))).what == "0 led to nothing"
    assert told(lambda: given(ACCOUNT).when(1).then()).why == "nothing was expected"


@pytest.mark.parametrize("end", [lambda story: story.then(CLOSED), lambda story: story.then(),
                                 lambda story: story.then_state(30)])
def test_a_refusal_that_nobody_expects_gives_its_reason(end):
    error = told(lambda: end(given(ACCOUNT, moved(30)).when("close")))
    assert error.what == "'close' was rejected: 30 cents are left" and "expected" in error.why
    assert isinstance(error.found, Rejected) and error.__cause__ is error.found


def test_a_missing_refusal_shows_the_events():
    error = told(lambda: given(ACCOUNT, moved(30)).when(-30).then_rejected("insufficient funds"))
    assert error.what == "-30 led to MoneyMoved {'cents': -30}" and error.why == "it was to be rejected"
    assert told(lambda: given(ACCOUNT).when(0).then_rejected()).what == "0 led to nothing"


def test_a_refusal_for_another_reason_shows_both():
    error = told(lambda: given(ACCOUNT, moved(30)).when("close").then_rejected("insufficient funds"))
    assert error.what == "'close' was rejected: 30 cents are left"
    assert error.why == "'insufficient funds' was to be the reason" and error.expected == "insufficient funds"


def test_another_state_is_shown_beside_the_expected_one():
    error = told(lambda: given(ACCOUNT, moved(30)).when(5).then_state(36))
    assert (error.what, error.why) == ("the state is 35", "it was to be 36")
    assert (error.found, error.expected) == (35, 36)
    told(lambda: given(ACCOUNT, moved(30)).then_state(0))


def test_a_test_runner_takes_it_for_a_failed_assertion():
    error = told(lambda: given(ACCOUNT).when(1).then())
    assert isinstance(error, AssertionError) and isinstance(error, EvlabError)
    assert "Why: nothing was expected" in str(error)


# ----------------------------------------------------------------------------------------------------- what is no story


def test_a_fault_in_decide_is_no_outcome():
    for end in (lambda story: story.then(), lambda story: story.then_rejected(), lambda story: story.then_state(0)):
        with pytest.raises(ZeroDivisionError):
            end(given(ACCOUNT).when("break"))


@pytest.mark.parametrize("story", [
    lambda: given(ACCOUNT).then(CLOSED),
    lambda: given(ACCOUNT).then_rejected(),
    lambda: given(ACCOUNT).when(1).when(2),
    lambda: given(ACCOUNT, [moved(1)]),
    lambda: given(ACCOUNT, "MoneyMoved"),
    lambda: given(ACCOUNT, EventStore().append("account-1", moved(1))),
    lambda: given(None),
    lambda: given("account", moved(1)),
    lambda: given(Decider(0, None, evolve)),
    lambda: given(ACCOUNT).when(1).then([moved(1)]),
    lambda: given(ACCOUNT).when(1).then("MoneyMoved"),
    lambda: given(ACCOUNT).when(1).then({"cents": 1}),
    lambda: given(Decider(0, lambda command, state: "MoneyMoved", evolve)).when(1).then(),
])
def test_what_is_no_story_is_refused(story):
    with pytest.raises(InvalidUse) as caught:
        story()
    assert caught.value.next_step and not isinstance(caught.value, NotAsTold)
