"""The time-travel playground without a browser: the slider, the bug, and commands that are decided at the end."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from evlab.errors import InvalidUse
from evlab.widgets import TimeTravel


def said(playground) -> str:
    return playground.render()["said"]


def balances(playground) -> list[int]:
    return [row[-1] for row in playground.render()["table"].rows]


def control(playground, id: str):
    return next(one for one in playground.render()["controls"] if one.id == id)


def notes(playground) -> str:
    return " ".join(note.text for note in playground.render()["texts"])


def test_the_slider_shows_the_state_at_its_version_and_the_event_in_words():
    playground = TimeTravel().do("version", 2)
    row = playground.render()["table"].rows[1]
    assert row[:2] == ["\u25b8", 2] and row[3].startswith("Deposited ")
    assert said(playground) == f"Version 2, 07 January: {row[3]} ({row[4]}). After it, the balance was {row[5]}."
    picture = playground.render()["pictures"][0]
    assert picture.alt.startswith(f"At version 2 the balance was {row[5]}.")
    assert sum(line.endswith("not yet") for line in picture.text.splitlines()) == 10
    assert said(TimeTravel().do("version", 0)) == "Version 0: nothing has happened yet."


def test_looking_back_changes_nothing_and_a_command_is_appended_at_the_end():
    playground = TimeTravel().do("version", 3)
    before = balances(playground)
    playground.do("deposit")
    assert balances(playground) == [*before, before[-1] + 50], "decided on the newest state"
    assert said(playground).startswith("Appended as version 13.") and control(playground, "version").value == 13


def test_a_rejected_command_appends_nothing():
    playground = TimeTravel()
    before = balances(playground)
    assert before[-1] < 100
    playground.do("withdraw")
    assert said(playground) == f"Rejected: 100 asked for, {before[-1]} there. Nothing was appended."
    assert balances(playground) == before


@pytest.mark.parametrize("seed", range(40))
def test_for_every_seed_the_bug_hides_one_deposit_and_the_replay_finds_it(seed):
    playground = TimeTravel(seed)
    right, events = balances(playground), [one.event.to_json() for one in playground.events]
    faulty = [one for one in playground.events if "cents" in one.event.data]
    assert len(faulty) == 1 and min(right) >= 0 and len(right) == 12
    playground.do("bug", True)
    wrong, missing = balances(playground), faulty[0].event.data["cents"] // 100
    assert wrong == [balance - missing * (row >= faulty[0].version) for row, balance in enumerate(right, 1)]
    assert f"she counts {right[-1]:,}" in notes(playground)
    playground.do("replay")
    assert control(playground, "version").value == faulty[0].version
    assert f"part at version {faulty[0].version}" in playground.render()["pictures"][0].alt
    assert "The event is right, so it stays as it is." in notes(playground)
    playground.do("bug", False)
    assert balances(playground) == right
    assert [one.event.to_json() for one in playground.events] == events, "no event was touched"


def test_with_the_bug_commands_are_decided_on_the_wrong_balance():
    playground = TimeTravel()
    for _ in range(2):
        playground.do("deposit")
    assert balances(playground)[-1] >= 100
    playground.do("bug", True).do("withdraw")
    assert said(playground).startswith("Rejected: 100 asked for, ")
    playground.do("bug", False).do("withdraw")
    assert said(playground).startswith("Appended as version 15.")


def test_there_is_nothing_to_compare_without_the_bug_and_the_picture_can_be_full():
    playground = TimeTravel()
    with pytest.raises(InvalidUse, match="no bug to find"):
        playground.do("replay")
    for _ in range(12):
        playground.do("deposit")
    with pytest.raises(InvalidUse, match="The picture is full"):
        playground.do("deposit")
    assert TimeTravel.replay(playground.reset().export()).digest() == TimeTravel().digest()


def test_a_run_replays_to_the_same_state_and_a_static_reader_sees_it_all():
    playground = TimeTravel(seed=11)
    for action in (("version", 4), ("bug", True), ("deposit",), ("replay",), ("withdraw",), ("version", 6)):
        playground.do(*action)
    again = TimeTravel.replay(playground.export())
    assert again.digest() == playground.digest() and again.render()["table"] == playground.render()["table"]
    assert "with the fix" in repr(playground._repr_mimebundle_()) and "savings-c-42" in playground._as_text()
    assert TimeTravel(seed=12).digest() != TimeTravel(seed=11).digest()


def test_a_click_may_be_answered_on_another_thread():
    """JupyterLab does so: a widget's messages do not wait for the thread that runs cells."""
    playground = TimeTravel()
    with ThreadPoolExecutor(1) as other:
        other.submit(playground.do, "deposit").result()
    assert said(playground).startswith("Appended as version 13.")
