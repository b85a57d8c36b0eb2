"""The router playground without a browser: bindings, acks, crashes, dead letters, confirms, and that a run replays."""

from __future__ import annotations

import json

import pytest

from evlab.errors import InvalidUse
from evlab.router import topic_matches
from evlab.widgets import RouterPlayground
from evlab.widgets.router import BINDINGS, BUNCH, KEYS, MOST


def shown(playground) -> dict:
    return playground.render()


def row(playground, number: int) -> dict:
    table = shown(playground)["table"]
    return next(dict(zip(table.head, cells, strict=True)) for cells in table.rows if cells[0] == number)


def notes(playground) -> str:
    return " / ".join(note.text for note in shown(playground)["texts"])


def depth(playground, queue: str) -> tuple[int, int]:
    return playground.router.depth(queue)[:2]


def holding(*queue_settings) -> RouterPlayground:
    """Both e-mail consumers hold what they get: two each."""
    playground = RouterPlayground()
    for name, value in queue_settings:
        playground.do(name, value)
    return playground.do("mode-email-1", "holds").do("mode-email-2", "holds")


@pytest.mark.parametrize("key", KEYS)
def test_the_ready_made_messages_light_the_bindings_that_match(key):
    playground = RouterPlayground().do(f"publish-{key.replace('.', '-')}")
    expected = [queue for queue, wants in BINDINGS.items() if topic_matches(wants["topic"], key)]
    picture = shown(playground)["pictures"][0]
    ticked = [line.rpartition("→ ")[2] for line in picture.text.split("\n") if line.strip().startswith("> ")]
    assert sorted(ticked) == sorted(expected)
    assert [queue for queue in BINDINGS if row(playground, 1)[queue] != "-"] == expected
    assert len(shown(playground)["flights"]) == 1 + 2 * len(expected)


def test_an_unroutable_message_is_confirmed_and_gone_unless_it_is_mandatory():
    playground = RouterPlayground().do("publish-parcel-shipped")
    assert row(playground, 1)["the shop was told"] == "confirmed"
    assert "1 message was confirmed and reached no queue" in notes(playground)
    assert shown(playground)["pictures"][0].text.startswith("parcel.shipped reached nobody, and was confirmed")
    playground.do("mandatory", True).do("publish-parcel-shipped")
    assert row(playground, 2)["the shop was told"] == "returned, NO_ROUTE"
    assert "1 message was confirmed" in notes(playground)


def test_a_binding_is_changed_and_taken_away():
    playground = RouterPlayground().do("binding-audit", "#").do("publish-parcel-shipped")
    assert row(playground, 1)["audit"] == "ready" and depth(playground, "audit") == (1, 0)
    assert "not bound any more" in shown(playground.do("binding-audit", ""))["said"]
    assert row(playground.do("publish-parcel-shipped"), 2)["audit"] == "-"


@pytest.mark.parametrize(("kind", "key", "expected"), [
    ("direct", "order.placed", ["email"]), ("direct", "order.*", ["inventory"]),
    ("fanout", "anything", ["email", "inventory", "audit"]),
    ("headers", "kind=order country=DE", ["email", "inventory"]), ("headers", "cancelled=yes", ["audit"])])
def test_each_type_of_exchange(kind, key, expected):
    playground = RouterPlayground().do("kind", kind).do("key", key).do("own")
    assert [queue for queue in BINDINGS if row(playground, 1)[queue] != "-"] == expected


def test_the_field_for_a_key_of_yours_holds_headers_where_the_exchange_looks_at_those():
    playground = RouterPlayground()
    for kind, held in (("headers", "kind=order country=DE"), ("headers", "kind=order country=DE"),
                       ("topic", "order.placed")):
        playground.do("kind", kind)
        field = next(control for control in shown(playground)["controls"] if control.id == "key")
        assert field.value == held == playground.key
    assert row(playground.do("own"), 1)["email"] != "-"


def test_a_wrong_binding_of_a_headers_exchange_is_refused_and_the_old_one_stays():
    playground = RouterPlayground().do("kind", "headers")
    with pytest.raises(InvalidUse, match="all or any"):
        playground.do("binding-email", "kind=order")
    playground.heard("binding-email", "kind=order", 1)
    assert playground.view["problem"].endswith("does not say all or any. Write all kind=order, or any kind=order.")
    playground.do("publish-order-placed")
    assert row(playground, 1)["email"] != "-"
    with pytest.raises(InvalidUse, match="ignores keys"):
        playground.do("kind", "fanout").do("binding-email", "x")


def test_prefetch_limits_what_a_consumer_holds_and_zero_does_not():
    playground = holding().do("many").do("many")
    assert depth(playground, "email") == (2 * BUNCH - 4, 4)
    assert "prefetch 2, has 2" in shown(playground)["pictures"][0].text
    playground.do("prefetch", 0)
    assert depth(playground, "email") == (0, 2 * BUNCH)


def test_a_slow_consumer_gets_less_with_a_small_prefetch():
    playground = RouterPlayground().do("prefetch", 1).do("many").do("many")
    whose = [name for name, _, _ in playground.got]
    assert whose.count("email-2") <= 1 and whose.count("email-1") >= 3
    everyone = RouterPlayground().do("prefetch", 5).do("many").do("many")
    assert [name for name, _, _ in everyone.got].count("email-2") >= 2


def test_ack_nack_and_reject_of_what_is_held():
    playground = holding().do("publish-order-placed")
    assert row(playground, 1)["email"] == "unacked"
    playground.do("nack")
    assert row(playground, 1)["email"] == "unacked" and "message 1 again: redelivered" in notes(playground)
    playground.do("ack")
    assert row(playground, 1)["email"] == "acked" and depth(playground, "email") == (0, 0)
    with pytest.raises(InvalidUse, match="Nobody holds"):
        playground.do("ack")
    playground.do("publish-order-placed").do("reject")
    assert row(playground, 2)["email"] == "dead: rejected" and depth(playground, "morgue") == (1, 0)
    assert "dead letters (1 rejected) → dead" in shown(playground)["pictures"][0].text


def test_a_crash_gives_back_what_was_unacked_and_another_consumer_gets_it_redelivered():
    playground = RouterPlayground().do("mode-email-2", "crashed").do("wait").do("mode-email-1", "holds")
    playground.do("publish-order-placed").do("mode-email-1", "crashed")
    assert row(playground, 1)["email"] == "unacked", "the router has not noticed yet"
    playground.do("wait")
    assert row(playground, 1)["email"] == "ready"
    playground.do("mode-email-2", "quick")
    assert row(playground, 1)["email"] == "acked" and "email-2 got message 1 again: redelivered" in notes(playground)


def test_a_consumer_that_always_nacks_gets_the_same_message_again_and_again():
    playground = RouterPlayground().do("mode-email-2", "crashed").do("wait").do("mode-email-1", "requeues")
    playground.do("publish-order-placed").do("wait")
    assert len(playground.got) > 10 and {number for _, number, _ in playground.got} == {1}


def test_time_to_live():
    playground = holding(("ttl", "3000")).do("many").do("wait")
    assert row(playground, BUNCH)["email"] == "dead: expired" and depth(playground, "email") == (0, 4)


def test_a_full_queue_drops_its_head_or_refuses():
    playground = holding(("length", "drop-head")).do("many").do("many")
    assert depth(playground, "email") == (MOST, 4) and row(playground, 5)["email"] == "dead: maxlen"
    playground = holding(("length", "reject-publish")).do("many").do("many")
    assert row(playground, 10) | {"inventory": ""} == {
        "message": 10, "key": "order.placed", "email": "refused", "inventory": "", "audit": "-",
        "the shop was told": "nacked"}
    assert "3 publishes were nacked" in notes(playground) and depth(playground, "morgue") == (0, 0)


def test_a_full_queue_that_refuses_new_messages_takes_back_what_is_requeued():
    """RabbitMQ: maybe_drop_head does nothing with reject-publish."""
    playground = holding(("length", "reject-publish")).do("many").do("many").do("prefetch", 1)
    assert sum(depth(playground, "email")) == MOST + 4 and depth(playground, "morgue") == (0, 0)


def test_without_a_dead_letter_exchange_what_is_rejected_is_gone():
    playground = holding(("letters", False)).do("publish-order-placed").do("reject")
    assert row(playground, 1)["email"] == "gone" and depth(playground, "morgue") == (0, 0)


def test_a_changed_queue_is_a_new_queue():
    playground = holding().do("many").do("ttl", "3000")
    assert f"and {BUNCH} messages with it" in shown(playground)["said"]
    assert row(playground, BUNCH)["email"] == "gone"
    playground.do("publish-order-placed")
    assert row(playground, BUNCH + 1)["email"] == "unacked"


def test_a_power_loss_of_the_router_keeps_what_was_confirmed():
    playground = holding().do("many").do("power")
    assert depth(playground, "email") == (1, 4)
    assert all(row(playground, number)["the shop was told"] == "confirmed" for number in range(1, BUNCH + 1))
    playground.do("ack")
    assert depth(playground, "email") == (0, 4), "what is held is of the router's new life"


def test_a_confirm_that_does_not_arrive_leaves_the_shop_in_the_dark():
    playground = holding().do("linked", False).do("publish-order-placed")
    assert row(playground, 1)["the shop was told"] == "not confirmed yet" and row(playground, 1)["inventory"] == "acked"
    playground.do("wait")
    assert row(playground, 1)["the shop was told"] == "outcome unknown"
    playground.do("linked", True).do("wait").do("publish-order-placed")
    assert row(playground, 2)["the shop was told"] == "confirmed"


def test_a_run_is_replayed_from_its_seed_to_the_same_state():
    playground = RouterPlayground(seed=11)
    for action in (("many",), ("mode-email-1", "rejects"), ("many",), ("length", "drop-head"), ("kind", "headers"),
                   ("publish-order-placed",), ("power",), ("linked", False), ("many",), ("wait",), ("linked", True),
                   ("mode-email-2", "crashed"), ("wait",)):
        playground.do(*action)
    again = RouterPlayground.replay(json.dumps(playground.export()))
    assert again.digest() == playground.digest()
    assert RouterPlayground(seed=12).digest() != RouterPlayground(seed=11).digest()


def test_hostile_texts_are_texts():
    hostile = "<b>\u202e\ud800</b>"
    playground = RouterPlayground().do("binding-email", hostile).do("key", hostile).do("own")
    assert row(playground, 1)["email"] != "-"
    playground.do("kind", "headers").do("binding-email", f"any {hostile}").do("key", hostile).do("own")
    assert row(playground, 2)["email"] != "-"
    assert "<b>" not in playground._as_html().replace("&lt;b&gt;", "")


def test_it_says_the_same_in_a_static_picture_and_in_text():
    playground = RouterPlayground().do("publish-order-placed")
    assert "order.placed goes to email and inventory" in playground._as_text()
    assert "Run this cell in JupyterLab" in playground._as_html() and "<img" in playground._as_html()
