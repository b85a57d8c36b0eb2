"""The bus playground without a browser: what each control does, what is said, and that a run replays."""

from __future__ import annotations

import pytest

from evlab.errors import InvalidPattern, InvalidUse
from evlab.widgets import BusPlayground


def shown(playground) -> dict:
    return playground.render()


def row(playground, key: str) -> dict:
    table = shown(playground)["table"]
    return next(dict(zip(table.head, cells, strict=True)) for cells in table.rows if cells[1] == key)


def test_publishing_says_how_many_match_and_what_became_of_the_event():
    playground = BusPlayground().do("publish-orderplaced")
    assert "3 subscriptions match" in shown(playground)["said"]
    assert row(playground, "order-1042") == {"event": "OrderPlaced", "key": "order-1042", "email": "handled",
                                             "inventory": "handled", "analytics": "handled", "fraud": "-"}
    playground.do("publish-parcelshipped")
    assert "1 subscription matches" in shown(playground)["said"]


def test_a_failing_subscriber_waits_for_its_retries_then_has_a_dead_letter_and_redrive_mends_it():
    playground = BusPlayground().do("state-email", "failing").do("publish-orderplaced")
    assert row(playground, "order-1042")["email"] == "waiting"
    playground.do("wait").do("wait")
    assert row(playground, "order-1042")["email"] == "dead letter"
    playground.do("state-email", "ok").do("redrive")
    assert row(playground, "order-1042")["email"] == "handled"


def test_a_crashed_subscriber_gets_its_event_after_the_restart():
    playground = BusPlayground().do("state-inventory", "crashed").do("publish-orderplaced")
    assert row(playground, "order-1042")["inventory"] == "waiting"
    playground.do("state-inventory", "ok").do("wait").do("wait")
    assert row(playground, "order-1042")["inventory"] == "handled"


def test_a_new_pattern_counts_from_now_on_and_a_bad_one_changes_nothing():
    playground = BusPlayground().do("publish-parcelshipped").do("pattern-email", "parcel.#").do("publish-parcelshipped")
    assert [row(playground, key)["email"] for key in ("order-1042", "order-1043")] == ["-", "handled"]
    with pytest.raises(InvalidPattern):
        playground.do("pattern-email", "parc*")
    asked = next(control for control in shown(playground)["controls"] if control.id == "pattern-email")
    assert asked.value == "parcel.#"
    playground.do("publish-parcelshipped").do("publish-orderplaced")
    assert row(playground, "order-1044")["email"] == "handled"
    email = next(line for line in shown(playground)["pictures"][0].text.splitlines() if " email " in line)
    assert "2 delivered" in email, "its old pattern still gets events"


def test_redrive_is_blocked_while_there_is_nothing_to_redrive():
    with pytest.raises(InvalidUse, match="no dead letter"):
        BusPlayground().do("redrive")


def test_a_run_with_losses_and_crashes_replays_to_the_same_history():
    playground = BusPlayground(seed=11).do("network", 30)
    for action in ("publish-orderplaced", "publish-ordercancelled", "wait", "publish-paymentreceived", "wait"):
        playground.do(action)
    playground.do("state-fraud", "crashed").do("publish-paymentreceived").do("wait")
    assert any(entry.value == "lost on the way" for entry in playground.world.history)
    assert BusPlayground.replay(playground.export()).digest() == playground.digest()
