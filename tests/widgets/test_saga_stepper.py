"""The saga playground without a browser: both styles under the same accidents, and that a run replays."""

from __future__ import annotations

import json

import pytest

from evlab.errors import InvalidUse
from evlab.widgets import SagaStepper


def ends(playground) -> dict[str, str]:
    return {name: shop.flow()[1].split(":")[0] for name, shop in playground.shops.items()}


def stands(playground, style: str) -> dict[str, int]:
    """How often each step is done and not undone."""
    return {service.step: service.stands for service in playground.shops[style].services.values()}


def texts(playground) -> str:
    return "\n".join(note.text for note in playground.render()["texts"])


def patient(playground, waits: int = 8):
    """Let time pass, and deliver all that comes of it."""
    for _ in range(waits):
        playground.do("wait")
        if any(shop.next() for shop in playground._chosen()):
            playground.do("all")
    return playground


NONE = {"reserve stock": 0, "charge card": 0, "ship parcel": 0, "send receipt": 0}
ALL = dict.fromkeys(NONE, 1)


def test_both_styles_bring_the_order_to_its_end_and_events_need_fewer_messages():
    playground = SagaStepper().do("all")
    assert ends(playground) == {"choreography": "completed", "orchestration": "completed"}
    assert stands(playground, "choreography") == stands(playground, "orchestration") == ALL
    assert {name: shop.sent for name, shop in playground.shops.items()} == {"choreography": 5, "orchestration": 8}


@pytest.mark.parametrize(("service", "end"), [("inventory", "OutOfStock"), ("payment", "CardDeclined"),
                                              ("shipping", "ParcelRefused")])
def test_a_refusal_up_to_the_pivot_undoes_all_that_was_done(service, end):
    playground = SagaStepper().do(f"mode-{service}", "refuses").do("all")
    assert ends(playground) == {"choreography": "cancelled", "orchestration": "compensated"}
    assert stands(playground, "choreography") == stands(playground, "orchestration") == NONE
    assert playground.shops["orchestration"].flow()[1] == f"compensated: {end}"


def test_one_click_is_one_message_and_the_picture_shows_the_step():
    playground = SagaStepper().do("deliver")
    assert "OrderPlaced, orders → inventory arrived" in playground.render()["said"]
    first, second = playground.render()["pictures"]
    assert "✓ 1 reserve stock" in first.text and "… 2 charge card" in first.text
    assert "… 1 reserve stock" in second.text, "the orchestrator has not got the answer yet"
    playground.do("style", "orchestration").do("deliver")
    assert "✓ 1 reserve stock" in playground.render()["pictures"][1].text
    assert playground.shops["choreography"].delivered == 1


def test_a_lost_message_stops_the_choreography_and_only_delays_the_orchestrator():
    playground = patient(SagaStepper().do("deliver").do("lose"))
    assert ends(playground) == {"choreography": "it stands still, and nobody waits for it",
                                "orchestration": "completed"}
    assert stands(playground, "choreography") == {**NONE, "reserve stock": 1}
    assert stands(playground, "orchestration") == ALL
    assert "No service knows" in texts(playground)


def test_silence_before_the_pivot_is_undone_and_silence_of_the_pivot_is_parked_until_a_person_looks():
    playground = patient(SagaStepper().do("mode-payment", "mute"), 14)
    assert stands(playground, "orchestration") == {**NONE, "reserve stock": 1}, "the refund was made, and no word of it"
    assert ends(playground)["orchestration"] == "parked"
    playground = patient(SagaStepper().do("mode-shipping", "mute"))
    assert ends(playground)["orchestration"] == "parked"
    assert stands(playground, "orchestration")["ship parcel"] == 1
    playground.do("settle").do("all")
    assert ends(playground)["orchestration"] == "completed"


def test_a_person_who_finds_that_the_pivot_did_not_happen_turns_the_saga_back():
    playground = patient(SagaStepper().do("mode-shipping", "crashed"))
    assert ends(playground)["orchestration"] == "parked"
    playground.do("settle").do("mode-shipping", "works").do("all")
    assert ends(playground)["orchestration"] == "compensated"
    assert stands(playground, "orchestration") == NONE, "the command that came late was refused"


def test_a_parked_step_after_the_pivot_can_only_be_tried_again():
    playground = patient(SagaStepper().do("mode-email", "refuses"), 12)
    assert ends(playground)["orchestration"] == "parked"
    with pytest.raises(InvalidUse, match="has to be done"):
        playground.do("settle")
    playground.do("mode-email", "works").do("retry").do("all")
    assert ends(playground)["orchestration"] == "completed"


def test_a_refund_that_is_refused_is_parked_and_nobody_hears_of_it_in_the_choreography():
    playground = SagaStepper().do("mode-shipping", "refuses")
    for style, clicks in (("choreography", 2), ("orchestration", 4)):
        playground.do("style", style)
        for _ in range(clicks):
            playground.do("deliver")
    assert all(stands(playground, style)["charge card"] == 1 for style in playground.shops)
    patient(playground.do("style", "both").do("mode-payment", "refuses").do("all"))
    assert ends(playground) == {"choreography": "it stands still, and nobody waits for it", "orchestration": "parked"}
    assert "← undo: refused" in playground.render()["pictures"][0].text
    assert "← undo: parked, asked 3 times" in playground.render()["pictures"][1].text
    playground.do("mode-payment", "works").do("retry").do("all")
    assert ends(playground)["orchestration"] == "compensated" and stands(playground, "orchestration") == NONE


def test_people_are_only_asked_when_something_is_parked():
    for name in ("settle", "retry"):
        with pytest.raises(InvalidUse, match="Nothing is parked"):
            SagaStepper().do(name)


def test_a_doubled_message_is_harmless_with_an_inbox_and_charges_twice_without():
    playground = SagaStepper().do("deliver").do("deliver").do("double").do("all")
    assert stands(playground, "choreography") == stands(playground, "orchestration") == ALL
    playground = SagaStepper().do("inbox", False).do("deliver").do("deliver").do("double").do("all")
    assert stands(playground, "choreography")["ship parcel"] == 2
    assert stands(playground, "orchestration")["charge card"] == 2
    assert "'ship parcel' stands 2 times" in texts(playground)


@pytest.mark.parametrize("clicks", range(9))
def test_the_orchestrator_may_crash_before_any_message_and_goes_on(clicks):
    playground = SagaStepper().do("style", "orchestration")
    for _ in range(min(clicks, 7)):
        playground.do("deliver")
    playground.do("mode-orders", "crashed")
    playground.do("wait").do("mode-orders", "works")
    patient(playground)
    assert ends(playground)["orchestration"] == "completed" and stands(playground, "orchestration") == ALL


def test_what_waits_for_a_crashed_service_is_delivered_when_it_is_back():
    playground = SagaStepper().do("mode-payment", "crashed").do("all")
    assert "waits until payment is back" in texts(playground)
    with pytest.raises(InvalidUse, match="No message"):
        playground.do("deliver")
    playground.do("mode-payment", "works").do("all")
    assert ends(playground) == {"choreography": "completed", "orchestration": "completed"}


def test_an_action_that_comes_after_its_undo_is_refused():
    playground = SagaStepper().do("deliver").do("deliver").do("mode-payment", "crashed")
    playground.do("style", "orchestration")
    for _ in range(6):
        playground.do("wait")
    commands = [message.event.type for message in playground.shops["orchestration"].under_way]
    assert commands.count("ChargeCard") == 3 and "RefundCard" in commands
    playground.do("mode-payment", "works")
    while playground.shops["orchestration"].next().event.type != "RefundCard":
        playground.do("delay")
    playground.do("all")
    assert ends(playground)["orchestration"] == "compensated" and stands(playground, "orchestration") == NONE


def test_the_table_tells_truth_from_belief():
    playground = SagaStepper().do("mode-shipping", "mute").do("all")
    row = next(row for row in playground.render()["table"].rows if row[0] == "ship parcel")
    assert row == ["ship parcel", "done", "done", "asked"]


def test_a_run_replays_to_the_same_digest_also_from_json():
    playground = SagaStepper(seed=3).do("deliver").do("double").do("mode-payment", "mute").do("deliver").do("delay")
    playground.do("lose").do("mode-orders", "crashed").do("wait").do("mode-orders", "works").do("all").do("wait")
    run = json.loads(json.dumps(playground.export()))
    assert SagaStepper.replay(run).digest() == playground.digest()
    assert SagaStepper(seed=3).digest() != playground.digest()


def test_where_widgets_do_not_run_both_pictures_and_the_table_are_there():
    html, text = SagaStepper().do("all")._as_html(), SagaStepper().do("all")._as_text()
    assert html.count("<img alt=") == 2 and "What has really happened" in html
    assert "Choreography: the order is complete" in text and "Orchestration: the order is complete" in text
