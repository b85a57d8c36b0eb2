"""The rules of a saga, without a clock, a store or a bus: SAGA-1 and SAGA-2 as far as rules can keep them."""

from __future__ import annotations

from datetime import UTC

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from saga_play import Play, explore, six_steps

from evlab import Event, Retry
from evlab.errors import InvalidEvent, InvalidUse
from evlab.steps import ENDED, Saga, SagaState, Step, StepBroken


def asks(type):
    return lambda state: Event(type=type, data={"order": state["order"]}, source="shop")


def three_steps(**changes):
    """Reserve, pay, ship. changes: of steps, by their names."""
    steps = {"reserve": {"action": asks("ReserveStock"), "compensation": asks("ReleaseStock"), "refused": "OutOfStock"},
             "pay": {"action": asks("ChargeCard"), "kind": "pivot", "refused": ("CardDeclined", "CardExpired")},
             "ship": {"action": asks("ShipParcel"), "kind": "retriable", "refused": "NoCourier"}}
    return Saga("order", [Step(name, retry=Retry(attempts=2), **{**parts, **changes.get(name, {})})
                          for name, parts in steps.items()])


class Story:
    """given / when / then: `story.when("StockReserved").then("StepDone", "CommandSent ChargeCard")`."""

    def __init__(self, saga=None, data=None):
        self.saga, self.state, self.found = saga or three_steps(), SagaState(), []
        self._happen(self.saga.started("1042", {"order": 7} if data is None else data))

    def _happen(self, events):
        self.found = events
        for event in events:
            self.state = self.saga.evolve(self.state, event)
        return self

    def when(self, *replies, **data):
        """Replies to the present command, one after another; "silence" and "again" are what a clock says."""
        for reply in replies:
            if reply == "silence":
                self._happen(self.saga.unanswered(self.state))
            elif reply == "again":
                self._happen(self.saga.again(self.state))
            else:
                self._happen(self.saga.replied(self.state, self.state.command.caused(reply, data)))
        return self

    def decided(self, *arguments):
        return self._happen(self.saga.decided(self.state, *arguments))

    def then(self, *expected):
        told = []
        for event in self.found:
            command = event.data.get("command")
            told.append(f"{event.type} {Event.from_json(command).type}" if command else event.type)
        assert told == list(expected)
        return self


# ------------------------------------------------------------------------------------------------- one by one


def test_a_saga_begins_with_its_first_command():
    story = Story().then("SagaStarted", "CommandSent ReserveStock")
    state = story.state
    assert (state.phase, state.at, state.attempt, state.undoing, state.asking) == ("running", 0, 1, False, True)
    assert state.command.data == {"order": 7}
    assert state.command.correlation_id == story.found[0].id, "the conversation begins here"


def test_a_correlation_of_ones_own_goes_along():
    events = three_steps().started("1042", {"order": 7}, "conversation-1")
    assert {event.correlation_id for event in events} == {"conversation-1"}
    assert Event.from_json(events[1].data["command"]).correlation_id == "conversation-1"


def test_a_saga_that_an_event_began_carries_its_correlation_and_its_first_command_is_caused_by_it():
    placed = Event(type="CartSent", source="web").caused("OrderPlaced", source="shop")
    first, sent = three_steps().started("1042", {"order": 7}, cause=placed)
    assert (first.correlation_id, first.causation_id) == (placed.correlation_id, placed.id)
    command = Event.from_json(sent.data["command"])
    assert (command.correlation_id, command.causation_id) == (placed.correlation_id, placed.id)
    assert three_steps().started("1", {"order": 7}, "c-1", placed)[0].correlation_id == "c-1"
    with pytest.raises(InvalidUse, match="'OrderPlaced' is no cause"):
        three_steps().started("1042", {"order": 7}, cause="OrderPlaced")


def test_each_reply_leads_to_the_next_step_and_the_last_one_to_the_end():
    story = Story().when("StockReserved").then("StepDone", "CommandSent ChargeCard")
    story.when("CardCharged").then("StepDone", "CommandSent ShipParcel")
    story.when("ParcelShipped").then("StepDone", "SagaCompleted")
    assert story.state.phase == "completed" and not story.state.asking


def test_a_reply_is_kept_for_the_actions_after_it():
    seen = []
    saga = three_steps(pay={"action": lambda state: seen.append(state) or asks("ChargeCard")(state)})
    Story(saga).when("StockReserved", shelf=3)
    assert seen == [{"order": 7, "reserve": {"shelf": 3}}]


def test_the_next_command_is_caused_by_the_reply():
    story = Story()
    reply = story.state.command.caused("StockReserved")
    story._happen(story.saga.replied(story.state, reply))
    assert story.state.command.causation_id == reply.id


def test_an_action_that_changes_what_it_gets_changes_nothing():
    saga = three_steps(reserve={"action": lambda state: asks("ReserveStock")({"order": state.pop("order")})})
    assert Story(saga).state.data == {"order": 7}


def test_an_action_may_change_all_that_it_gets_and_no_event_changes():
    def charge(state):
        state["order"]["lines"].append("mug")
        state["reserve"]["shelves"].clear()
        return Event(type="ChargeCard", source="shop")

    story = Story(three_steps(reserve={"action": lambda state: Event(type="ReserveStock", source="shop")},
                              pay={"action": charge}), {"order": {"lines": ["pot"]}})
    reply = story.state.command.caused("StockReserved", {"shelves": [1, 2]})
    story._happen(story.saga.replied(story.state, reply))
    assert story.state.data == {"order": {"lines": ["pot"]}, "reserve": {"shelves": [1, 2]}}
    assert reply.data == story.found[0].data["reply"] == {"shelves": [1, 2]}


def test_what_a_person_gives_as_reply_is_copied_and_proven():
    reply = {"parcel": [5]}
    story = parked_pivot().decided(True, "the bank has it", reply)
    reply["parcel"].clear()
    assert story.found[1].data["reply"] == story.state.data["pay"] == {"parcel": [5]}
    for wrong in ({"when": {1, 2}}, {"n": float("nan")}, {5: 1}):
        with pytest.raises(InvalidEvent, match="payload"):
            parked_pivot().decided(True, "the bank has it", wrong)
    with pytest.raises(InvalidEvent, match="surrogate"):
        parked_pivot().decided(True, "the bank \ud800")


@pytest.mark.parametrize("way", ["all", "back", "parked"])
def test_each_event_of_a_saga_can_be_written_and_read_back_exactly(way):
    """They have no proof of their own, so here is one: of each kind, in each way that a saga can go."""
    ways = {"all": ("StockReserved", "silence", "again", "CardCharged", "NoCourier", "again", "ParcelShipped"),
            "back": ("StockReserved", "CardDeclined", "silence", "again", "StockReleased"),
            "parked": ("StockReserved", "silence", "again", "silence")}
    story = Story(data={"order": 7, "näme": "日本 \"", "big": 2**70, "deep": [[{"x": None}]]})
    found = [*story.found]
    for reply in ways[way]:
        found += story.when(reply, shelf="é").found
    if way == "parked":
        found += story.saga.taken_up(story.state) + story.decided(True, "yes").found
    assert len(found) > 6
    for event in found:
        assert Event.from_json(event.to_json()) == event
        assert Event.kept(event.to_json()) == event and event.time.tzinfo is UTC


def test_names_that_no_event_can_hold_are_refused_when_the_saga_is_made():
    for name, step in (("order\ud800", "pay"), ("order", "pay\ud800")):
        with pytest.raises(InvalidEvent, match="half a surrogate pair"):
            Saga(name, [Step(step, asks("Pay"))])


def test_a_refused_first_step_has_nothing_to_undo():
    story = Story().when("OutOfStock").then("StepRefused", "SagaCompensated")
    assert (story.state.phase, story.state.why) == ("compensated", "OutOfStock")


@pytest.mark.parametrize("refusal", ["CardDeclined", "CardExpired"])
def test_a_refused_pivot_turns_back(refusal):
    story = Story().when("StockReserved", refusal).then("StepRefused", "CommandSent ReleaseStock")
    assert (story.state.phase, story.state.at, story.state.why) == ("undoing", 0, refusal)
    story.when("StockReleased").then("StepUndone", "SagaCompensated")
    assert (story.state.phase, story.state.why) == ("compensated", refusal)


def test_silence_is_no_answer_so_the_same_command_is_sent_again():
    story = Story()
    first = story.state.command.id
    story.when("silence").then("StepUnanswered")
    assert not story.state.asking
    story.when("again").then("CommandSent")
    assert (story.state.command.id, story.state.attempt, story.state.asking) == (first, 2, True)


def test_a_step_that_never_answers_is_undone_like_one_that_was_done():
    story = Story().when("silence", "again", "silence").then("StepUnanswered", "CommandSent ReleaseStock")
    assert story.state.why == "reserve did not answer"
    story.when("StockReleased").then("StepUndone", "SagaCompensated")


def test_a_pivot_that_never_answers_is_parked_and_a_late_answer_sets_it_going():
    story = Story().when("StockReserved", "silence", "again", "silence").then("StepUnanswered", "SagaParked")
    assert (story.state.phase, story.state.why) == ("parked", "pay did not answer: nobody knows its outcome")
    story.when("CardCharged").then("StepDone", "CommandSent ShipParcel")
    assert (story.state.phase, story.state.why) == ("running", "")


def test_a_late_refusal_of_a_parked_pivot_turns_back():
    story = Story().when("StockReserved", "silence", "again", "silence", "CardDeclined")
    story.then("StepRefused", "CommandSent ReleaseStock")
    assert story.state.why == "CardDeclined"


def test_a_retriable_step_that_is_refused_is_asked_with_a_new_command():
    story = Story().when("StockReserved", "CardCharged")
    first = story.state.command.id
    story.when("NoCourier").then("StepRefused")
    story.when("again").then("CommandSent ShipParcel")
    assert story.state.command.id != first and story.state.attempt == 2
    story.when("NoCourier").then("StepRefused", "SagaParked")
    assert story.state.why == "ship refused 2 times"


def test_an_undo_that_is_refused_is_asked_with_a_new_command_and_then_parked():
    story = Story(three_steps(reserve={"refused": ("OutOfStock", "NotNow")}))
    story.when("StockReserved", "CardDeclined", "NotNow").then("StepRefused")
    story.when("again").then("CommandSent ReleaseStock")
    story.when("NotNow").then("StepRefused", "SagaParked")
    assert story.state.why == "reserve refused its undo 2 times"
    story._happen(story.saga.taken_up(story.state)).then("SagaTakenUp", "CommandSent ReleaseStock")
    assert (story.state.attempt, story.state.why) == (1, "CardDeclined"), "why it turned back, once it is not parked"
    story.when("StockReleased")
    assert (story.state.phase, story.state.why) == ("compensated", "CardDeclined")


def test_a_refusal_that_comes_twice_counts_once():
    story = Story().when("StockReserved", "CardCharged")
    refusal = story.state.command.caused("NoCourier")
    story._happen(story.saga.replied(story.state, refusal)).then("StepRefused")
    assert story.saga.replied(story.state, refusal) == []


def test_a_late_or_doubled_answer_to_an_earlier_command_is_none():
    story = Story()
    reply = story.state.command.caused("StockReserved")
    refusal = story.state.command.caused("OutOfStock")
    story._happen(story.saga.replied(story.state, reply))
    for late in (reply, refusal, Event(type="CardCharged"), Event(type="CardCharged", causation_id="e-1")):
        assert story.saga.replied(story.state, late) == []


def test_after_the_end_nothing_follows():
    story = Story().when("OutOfStock")
    reply = Event(type="StockReserved", causation_id="e-1")
    assert story.saga.replied(story.state, reply) == story.saga.unanswered(story.state) == []
    assert story.saga.again(story.state) == []


@pytest.mark.parametrize("clock", ["silence", "again"])
def test_a_clock_that_rings_late_does_not_wake_a_parked_saga(clock):
    story = Story().when("StockReserved", "silence", "again", "silence").when(clock)
    assert story.found == [] and story.state.phase == "parked"


def test_steps_without_a_compensation_are_passed_over_on_the_way_back():
    steps = [Step("look", asks("Look")), Step("reserve", asks("ReserveStock"), asks("ReleaseStock")),
             Step("ask", asks("Ask"), refused="No")]
    story = Story(Saga("order", steps)).when("Seen", "StockReserved", "No")
    story.then("StepRefused", "CommandSent ReleaseStock").when("StockReleased").then("StepUndone", "SagaCompensated")


# --------------------------------------------------------------------------------- a reply that nobody knows


def careful(**reserve):
    """Reserve, pay, ship; each knows all that may be answered. reserve: changes of the first."""
    return three_steps(reserve={"done": ("StockReserved", "StockReleased"), **reserve}, pay={"done": "CardCharged"},
                       ship={"done": "ParcelShipped"})


def test_with_done_a_slip_of_the_pen_in_refused_parks_the_saga_and_makes_no_yes_of_a_no():
    story = Story(careful(refused="OutOfStok")).when("OutOfStock").then("SagaParked")
    state = story.state
    assert (state.phase, state.why) == (
        "parked", "reserve answered with OutOfStock: nobody knows what that means")
    assert "reserve" not in state.data and not state.asking and state.command is not None
    assert story.found[0].data["reply_id"] not in ("", None)
    Story(three_steps(reserve={"refused": "OutOfStok"})).when("OutOfStock").then("StepDone", "CommandSent ChargeCard")


def test_with_done_the_known_replies_lead_to_the_same_as_without():
    for way in (("StockReserved", "CardCharged", "ParcelShipped"), ("OutOfStock",),
                ("StockReserved", "CardDeclined", "StockReleased"),
                ("StockReserved", "CardCharged", "NoCourier", "again", "ParcelShipped")):
        told = []
        for saga in (careful(), three_steps()):
            story = Story(saga)
            told.append([(story.when(reply).state.phase, [event.type for event in story.found]) for reply in way])
        assert told[0] == told[1]


@pytest.mark.parametrize("way, why", [
    (("StockReserved", "Hm"), "pay answered with Hm"),
    (("StockReserved", "CardCharged", "Hm"), "ship answered with Hm"),
    (("StockReserved", "CardDeclined", "Hm"), "reserve answered to its undo with Hm"),
    (("silence", "Hm"), "reserve answered with Hm")])
def test_a_reply_in_neither_list_parks_in_each_phase_and_a_known_one_sets_it_going(way, why):
    story = Story(careful()).when(*way).then("SagaParked")
    assert (story.state.phase, story.state.why) == ("parked", f"{why}: nobody knows what that means")
    story.when("Hm", "silence", "again").then()
    known = {"reserve": "StockReleased" if story.state.undoing else "StockReserved", "pay": "CardCharged",
             "ship": "ParcelShipped"}[why.split()[0]]
    story.when(known)
    assert story.state.phase != "parked"


def test_a_saga_that_is_parked_by_such_a_reply_is_taken_up_or_settled_like_any_other():
    story = Story(careful()).when("Hm")
    command = story.state.command.id
    story._happen(story.saga.taken_up(story.state)).then("SagaTakenUp", "CommandSent")
    assert story.state.command.id == command
    story.when("Hm").then("SagaParked").decided(False, "Hm is a no").then("PersonDecided", "SagaCompensated")
    Story(careful()).when("Hm").decided(True, "Hm is a yes").then(
        "PersonDecided", "StepDone", "CommandSent ChargeCard")


def test_such_a_reply_to_what_was_refused_already_or_is_parked_by_silence_changes_nothing():
    Story(careful()).when("StockReserved", "CardCharged", "NoCourier", "Hm").then()
    Story(careful()).when("StockReserved", "silence", "again", "silence", "Hm").then()


# ------------------------------------------------------------------------------------------- a person decides


def parked_pivot():
    return Story().when("StockReserved", "silence", "again", "silence")


def test_a_person_who_finds_the_step_done_sends_the_saga_on():
    story = parked_pivot().decided(True, "the bank has it", {"receipt": 5})
    story.then("PersonDecided", "StepDone", "CommandSent ShipParcel")
    assert story.state.data["pay"] == {"receipt": 5}
    assert story.state.command.causation_id == story.found[0].id, "caused by the decision, which is in the stream"


def test_a_person_who_finds_it_not_done_turns_it_back():
    story = parked_pivot().decided(False, "the bank knows nothing").then("PersonDecided", "CommandSent ReleaseStock")
    assert story.state.why == "the bank knows nothing"


def test_a_person_may_find_an_undo_done():
    story = Story().when("StockReserved", "CardDeclined", "silence", "again", "silence").then(
        "StepUnanswered", "SagaParked")
    story.decided(True, "put back by hand").then("PersonDecided", "StepUndone", "SagaCompensated")
    assert story.state.why == "CardDeclined"


@pytest.mark.parametrize("way", [("StockReserved", "CardDeclined"), ("StockReserved", "CardCharged")])
def test_what_has_to_be_done_cannot_be_found_undone(way):
    story = Story().when(*way, "silence", "again", "silence")
    assert story.state.phase == "parked"
    with pytest.raises(InvalidUse, match="and is not"):
        story.decided(False, "no")


def test_a_parked_saga_is_taken_up_with_the_same_command_and_all_its_attempts():
    story = parked_pivot()
    command = story.state.command.id
    story._happen(story.saga.taken_up(story.state)).then("SagaTakenUp", "CommandSent")
    assert (story.state.command.id, story.state.attempt, story.state.asking) == (command, 1, True)


# ----------------------------------------------------------------------------------- the code of a step fails


def no_receipt(state):
    raise KeyError("receipt")


@pytest.mark.parametrize("action, why", [
    (no_receipt, "KeyError: 'receipt'"), (lambda state: None, "it returned None"),
    (lambda state: {"type": "ChargeCard"}, "it returned {'type': 'ChargeCard'}"), (lambda: 1, "TypeError")])
def test_a_step_whose_code_fails_is_parked_before_it_and_what_was_done_is_kept(action, why):
    story = Story(three_steps(pay={"action": action})).when("StockReserved", shelf=3).then("StepDone", "SagaParked")
    state = story.state
    assert (state.phase, state.at, state.undoing, state.command) == ("parked", 1, False, None)
    assert "action of pay" in state.why and why in state.why and state.data["reserve"] == {"shelf": 3}
    story.saga = three_steps()
    story._happen(story.saga.taken_up(state)).then("SagaTakenUp", "CommandSent ChargeCard")


def test_it_is_parked_again_if_nobody_has_mended_it_and_can_be_turned_back():
    story = Story(three_steps(pay={"action": no_receipt})).when("StockReserved")
    story._happen(story.saga.taken_up(story.state)).then("SagaTakenUp", "SagaParked")
    story.decided(False, "given up").then("PersonDecided", "CommandSent ReleaseStock")


def test_a_compensation_whose_code_fails_is_parked_too():
    story = Story(three_steps(reserve={"compensation": no_receipt})).when("StockReserved", "CardDeclined")
    story.then("StepRefused", "SagaParked")
    assert (story.state.at, story.state.undoing) == (0, True) and "compensation of reserve" in story.state.why
    story.saga = three_steps()
    story._happen(story.saga.taken_up(story.state)).then("SagaTakenUp", "CommandSent ReleaseStock")
    assert story.state.why == "CardDeclined"
    story.when("StockReleased").then("StepUndone", "SagaCompensated")
    assert story.state.why == "CardDeclined"


def test_a_first_action_that_fails_raises_and_nothing_has_begun():
    with pytest.raises(StepBroken, match="the action of reserve failed") as raised:
        Story(three_steps(reserve={"action": no_receipt}))
    assert "KeyError: 'receipt'" in str(raised.value) and "test_steps.py, line" in str(raised.value)


# ------------------------------------------------------------------------------------------------ all that can be


@pytest.mark.parametrize("attempts, refusals, without_undo", [(2, 2, ()), (3, 1, ()), (1, 3, ()), (2, 1, ("b",))])
def test_whatever_happens_only_legal_states_are_reached_and_an_end_from_each(attempts, refusals, without_undo):
    """SAGA-1, SAGA-2: all that six steps and their services can do to each other, for any number of faults.

    A command arrives first or again, late, after its undo, or never; each answer arrives, twice, late, or is lost; any
    service refuses; a person finds out, or tries again. In each state that can be reached what was done is a row of
    steps without a gap, nothing is undone before what came after it, nothing is undone beyond the pivot, and what says
    that it is completed or compensated is. From each of them an end can be reached.
    """
    _from_each_state_an_end_is_reached(*explore(six_steps(attempts, without_undo), refusals, most=20_000))


@pytest.mark.parametrize("attempts, refusals, odd", [(1, 1, 1), (2, 0, 2), (2, 1, 1)])
def test_the_same_if_services_answer_what_nobody_knows(attempts, refusals, odd):
    """SAGA-1, SAGA-2: they have done what they were asked, or not, and say neither yes nor no."""
    found, before = explore(six_steps(attempts, done="Done"), refusals, 40_000, odd)
    _from_each_state_an_end_is_reached(found, before)
    assert any("nobody knows what that means" in play.state.why for play in found.values())


def _from_each_state_an_end_is_reached(found, before):
    ends = [key for key, play in found.items() if play.state.phase in ENDED]
    assert {found[key].state.phase for key in ends} == set(ENDED)
    reached, waiting = set(ends), ends
    while waiting:
        for key in before.get(waiting.pop(), ()):
            if key not in reached:
                reached.add(key)
                waiting.append(key)
    assert reached == set(found)
    assert len(found) > 500 and any(play.state.phase == "parked" for play in found.values())


@given(st.integers(1, 3), st.integers(0, 3), st.lists(st.integers(0, 60), max_size=120))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_a_saga_that_restarts_at_any_moment_is_where_it_was(attempts, refusals, choices):
    """SAGA-1: any row of replies, silences, doubled and late replies, with a restart wherever the draw says so."""
    play = Play(six_steps(attempts), refusals)
    for choice in choices:
        moves = play.moves()
        if not moves:
            break
        play.play(moves[choice % len(moves)])
        if choice % 7 == 0:
            play.restart()
    play.restart()


def test_when_all_answer_a_saga_of_six_steps_takes_six_commands():
    play = Play(six_steps(), 0)
    for number in range(6):
        play.play(("arrive", number))
        play.play(("answer", number))
    assert play.state.phase == "completed" and len(play.commands) == 6 and len(play.events) == 14


def test_compensations_come_in_the_exact_reverse_order_also_of_an_unknown_step():
    """SAGA-1: a and b are done, c never answers: c, b, a."""
    play = Play(six_steps(attempts=1), 0)
    for number in (0, 1):
        play.play(("arrive", number))
        play.play(("answer", number))
    play.play(("silence",))
    for number in (3, 4, 5):
        play.play(("arrive", number))
        play.play(("answer", number))
    assert [(one.type, one.data["step"]) for one in play.commands] == [
        ("Do", "a"), ("Do", "b"), ("Do", "c"), ("Undo", "c"), ("Undo", "b"), ("Undo", "a")]
    assert play.state.phase == "compensated"
    play.play(("arrive", 2))
    assert play.answers[play.commands[2].id].type == "Refused" and play.done == ()


# --------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("change, text", [
    ({"name": ""}, "names no step"), ({"name": 5}, "names no step"), ({"action": "ReserveStock"}, "nothing to call"),
    ({"compensation": "ReleaseStock"}, "nothing to call"), ({"kind": "retryable"}, "is not known"),
    ({"kind": "pivot", "compensation": asks("A")}, "has a compensation"), ({"retry": 3}, "retry=3"),
    ({"timeout": 0}, "no time to answer"), ({"timeout": -1}, "no time to wait for"), ({"timeout": "5"}, "no time to"),
    ({"refused": 5}, "no list of event types"), ({"refused": ("No", 5)}, "no list of event types"),
    ({"refused": [""]}, "no list of event types"), ({"done": 5}, "no list of event types"),
    ({"done": [None]}, "no list of event types"), ({"done": ()}, "leaves no yes"),
    ({"done": ("Yes", "No"), "refused": "No"}, "refused as well")])
def test_a_step_that_cannot_be_is_refused(change, text):
    with pytest.raises(InvalidUse, match=text):
        Step(**{"name": "reserve", "action": asks("ReserveStock"), **change})


def of_kinds(*kinds):
    return [Step(f"step {number}", asks("Ask"), kind=kind) for number, kind in enumerate(kinds)]


@pytest.mark.parametrize("name, steps, text", [
    ("", of_kinds("pivot"), "names no saga"), (None, of_kinds("pivot"), "names no saga"), ("order", [], "has no steps"),
    ("order", [asks("A")], "has no steps"), ("order", None, "has no steps"), ("order", 5, "has no steps"),
    ("order", of_kinds("pivot") * 2, "the same name"),
    ("order", of_kinds("pivot", "pivot"), "the steps of order are pivot, pivot"),
    ("order", of_kinds("pivot", "compensatable"), "cannot be undone"),
    ("order", of_kinds("retriable", "compensatable"), "cannot be undone"),
    ("order", of_kinds("retriable", "pivot"), "cannot be undone")])
def test_a_saga_that_could_get_stuck_is_refused(name, steps, text):
    with pytest.raises(InvalidUse, match=text):
        Saga(name, steps)


@pytest.mark.parametrize("kinds", [("compensatable",), ("pivot",), ("retriable",), ("compensatable", "retriable"),
                                   ("compensatable", "pivot"), ("pivot", "retriable", "retriable")])
def test_a_saga_needs_neither_a_pivot_nor_steps_of_every_kind(kinds):
    assert len(Saga("order", of_kinds(*kinds)).steps) == len(kinds)


@pytest.mark.parametrize("id, data, text", [
    ("", {"order": 7}, "no id of a saga"), (1042, {"order": 7}, "no id of a saga"), ("1", None, "no input"),
    ("1", [("order", 7)], "no input"), ("1", {"order": 7, "pay": 1}, "has a key 'pay'")])
def test_a_saga_that_cannot_begin_is_refused(id, data, text):
    with pytest.raises(InvalidUse, match=text):
        three_steps().started(id, data)


def test_an_event_of_somebody_else_is_no_event_of_a_saga():
    with pytest.raises(InvalidUse, match="OrderPlaced is no event of a saga"):
        three_steps().evolve(SagaState(), Event(type="OrderPlaced"))


@pytest.mark.parametrize("steps", [(1, 0, 2), (0, 2), (0,)])
def test_a_saga_that_began_with_other_steps_is_not_taken_for_one_of_these(steps):
    """Its stream says "step 1": who adds a step while sagas are open would undo another one than was done."""
    old = Saga("order", [Step(name, asks(name.title()), asks(name.title())) for name in ("reserve", "pay", "ship")])
    story = Story(old).when("Done")
    new = Saga("order", [old.steps[number] for number in steps])
    events, state = old.started("2", {"order": 7}), SagaState()
    with pytest.raises(InvalidUse, match="began with other steps"):
        for event in [*events, *story.found]:
            new.evolve(state, event)


def test_a_copy_of_a_state_stays_as_it_is():
    story = Story()
    before = story.state.copy()
    story.when("StockReserved", shelf=3)
    assert (before.at, before.data, before.version) == (0, {"order": 7}, 2)
    assert "1042: running, step 0, attempt 1" in repr(before)
