"""What every router must do by RabbitMQ's rules: evlab's own, in memory, on files and in a World, and RabbitMQ itself.
`tests/router/test_router.py` runs it.

Only the public verbs are used. A fixture `make` returns an object with `router` (the verbs that declare, bind and
publish), `channel(prefetch=0)`, `wait(result)`, which gives the value of a Later and anything else as it is,
`passes(seconds)`, in which that time goes by, `now()`, the seconds that its clock shows, `settles()`, in which what is
under way arrives, `depth(queue)` and `queue(**settings)`, which declares a queue with a name of its own.

A server on a busy machine may be late with anything, never early. So nothing here has to be done within a time: what
is to come is waited for with `until`, and what takes time may not come before it.
"""

from __future__ import annotations

import pytest

from evlab.errors import EvlabError
from evlab.event import Event
from evlab.router import (
    AccessRefused,
    ChannelClosed,
    Nacked,
    NoRoute,
    NotFound,
    PreconditionFailed,
    Unsupported,
)

__all__ = ["RouterContract"]


class RouterContract:
    """Inherit from it, and let a fixture `make` return such an object, new for each test."""

    def send(self, make, queue, *bodies, **more):
        """Publish to a queue through the default exchange, and wait for the confirms."""
        for body in bodies:
            make.wait(make.router.publish("", queue, body, **more))

    def get(self, make, channel, queue, **more):
        return make.wait(channel.get(queue, **more))

    def bodies(self, make, queue) -> list[bytes]:
        """All that is ready in a queue, taken out."""
        channel, found = make.channel(), []
        while (one := self.get(make, channel, queue, auto_ack=True)) is not None:
            found.append(one.body)
        return found

    def bound(self, make, type, *wants) -> list[str]:
        """An exchange "x" and a queue for each of these binding keys or arguments."""
        make.wait(make.router.declare_exchange("x", type))
        queues = []
        for want in wants:
            queues.append(make.queue())
            arguments = want if isinstance(want, dict) else None
            make.wait(make.router.bind(queues[-1], "x", "" if arguments is not None else want, arguments))
        return queues

    def reached(self, make, queues) -> list[int]:
        """Which of the queues have something, by their number; they are emptied."""
        return [number for number, queue in enumerate(queues) if self.bodies(make, queue)]

    def until(self, make, so):
        """Let time go by until that is so; for half a minute, before it counts as never."""
        for _ in range(1_500):
            if so():
                return
            make.passes(0.02)
        assert so()

    # --------------------------------------------------------------------------------------------------- routing

    @pytest.mark.parametrize("key, found", [("order.placed", [0]), ("order.paid", [1, 2]), ("order", []), ("", [3])])
    def test_direct_compares_the_keys(self, make, key, found):
        queues = self.bound(make, "direct", "order.placed", "order.paid", "order.paid", "")
        make.wait(make.router.publish("x", key, b"m"))
        assert self.reached(make, queues) == found

    @pytest.mark.parametrize("key", ["", "a", "a.b.c"])
    def test_fanout_goes_to_all(self, make, key):
        queues = self.bound(make, "fanout", "", "a", "zzz")
        make.wait(make.router.publish("x", key, b"m"))
        assert self.reached(make, queues) == [0, 1, 2]

    @pytest.mark.parametrize("key, found", [
        ("order.placed", [0, 1, 3, 4]), ("order", [1, 4]), ("order.eu.placed", [1, 2, 3, 4]), ("", [4]),
        ("order..placed", [1, 2, 3, 4]), ("order.", [0, 1, 4]), (".placed", [3, 4]), ("orders.placed", [3, 4])])
    def test_topic_knows_words(self, make, key, found):
        queues = self.bound(make, "topic", "order.*", "order.#", "order.*.placed", "#.placed", "#")
        make.wait(make.router.publish("x", key, b"m"))
        assert self.reached(make, queues) == found

    @pytest.mark.parametrize("headers, found", [
        ({"kind": "pdf", "size": 7}, [0, 1, 2, 3]), ({"kind": "pdf"}, [1, 2, 3]),
        ({"kind": "txt", "size": 7}, [1, 2, 3]), ({"size": 8}, [3]), ({}, [3]), (None, [3]),
        ({"kind": b"pdf", "size": True}, [1, 2, 3])])
    def test_headers_all_and_any(self, make, headers, found):
        queues = self.bound(make, "headers", {"x-match": "all", "kind": "pdf", "size": 7},
                            {"x-match": "any", "kind": "pdf", "size": 7}, {"x-match": "any", "kind": None}, {},
                            {"x-match": "any"})
        make.wait(make.router.publish("x", "ignored", b"m", headers=headers))
        assert self.reached(make, queues) == found

    def test_headers_within_headers(self, make):
        queues = self.bound(make, "headers", {"a": [1]}, {"a": ["b"]}, {"a": {"b": 1, "c": 2}})
        for value, found in (([1], [0]), ([True], []), (["b"], [1]), ([b"b"], []), ({"b": 1, "c": 2}, [2]),
                             ({"c": 2, "b": 1}, []), ({"b": True, "c": 2}, [])):
            make.wait(make.router.publish("x", "", b"m", headers={"a": value}))
            assert self.reached(make, queues) == found

    def test_headers_beginning_with_x_count_only_if_asked(self, make):
        queues = self.bound(make, "headers", {"x-match": "all", "x-kind": "pdf"}, {"x-match": "any", "x-kind": "pdf"},
                            {"x-match": "all-with-x", "x-kind": "pdf"}, {"x-match": "any-with-x", "x-kind": "pdf"})
        make.wait(make.router.publish("x", "", b"m", headers={"x-kind": "txt"}))
        assert self.reached(make, queues) == [0]
        make.wait(make.router.publish("x", "", b"m", headers={"x-kind": "pdf"}))
        assert self.reached(make, queues) == [0, 2, 3]

    def test_a_queue_gets_a_message_once_however_many_bindings_match(self, make):
        queue, = self.bound(make, "topic", "order.*")
        make.wait(make.router.bind(queue, "x", "#"))
        make.wait(make.router.bind(queue, "x", "#"))
        make.wait(make.router.publish("x", "order.placed", b"m"))
        assert self.bodies(make, queue) == [b"m"]
        make.wait(make.router.unbind(queue, "x", "#"))
        make.wait(make.router.publish("x", "order.placed", b"m"))
        make.wait(make.router.publish("x", "payment", b"m"))
        assert self.bodies(make, queue) == [b"m"]

    def test_the_default_exchange_knows_each_queue_by_its_name(self, make):
        queue, other = make.queue(), make.queue()
        self.send(make, queue, b"m")
        assert self.bodies(make, queue) == [b"m"] and self.bodies(make, other) == []
        with pytest.raises(AccessRefused):
            make.wait(make.router.bind(queue, "", queue))

    def test_what_no_binding_wants_goes_to_the_alternate(self, make):
        make.wait(make.router.declare_exchange("rest", "fanout"))
        make.wait(make.router.declare_exchange("x2", "direct", alternate="rest"))
        wanted, rest = make.queue(), make.queue()
        make.wait(make.router.bind(wanted, "x2", "a"))
        make.wait(make.router.bind(rest, "rest"))
        for key in ("a", "b"):
            confirm = make.wait(make.router.publish("x2", key, key.encode(), mandatory=True))
            assert confirm.returned is None
        assert self.bodies(make, wanted) == [b"a"] and self.bodies(make, rest) == [b"b"]

    def test_a_mandatory_message_without_a_queue_comes_back(self, make):
        self.bound(make, "direct", "a")
        confirm = make.wait(make.router.publish("x", "b", b"m", mandatory=True))
        assert isinstance(confirm.returned, NoRoute) and confirm.returned.code == 312
        assert make.wait(make.router.publish("x", "a", b"m", mandatory=True)).returned is None

    def test_without_mandatory_it_is_confirmed_and_gone(self, make):
        queue, = self.bound(make, "direct", "a")
        assert make.wait(make.router.publish("x", "b", b"m")).returned is None
        assert self.bodies(make, queue) == []

    def test_a_message_comes_as_it_was_sent(self, make):
        queue = make.queue()
        headers = {"kind": "pdf", "size": 7, "yes": True, "none": None, "list": [1, "two"], "table": {"a": 1}}
        self.send(make, queue, bytes(range(256)), headers=headers)
        one = self.get(make, make.channel(), queue)
        assert (one.body, one.headers, one.key, one.exchange) == (bytes(range(256)), headers, queue, "")
        assert one.redelivered is False

    def test_an_event_is_a_body(self, make):
        queue, event = make.queue(), Event(type="OrderPlaced", source="shop", data={"total": 42})
        self.send(make, queue, event)
        assert self.get(make, make.channel(), queue).event == event

    # --------------------------------------------------------------------------------------------- getting, acking

    def test_messages_come_in_order_and_each_once(self, make):
        queue, channel = make.queue(), make.channel()
        self.send(make, queue, b"1", b"2", b"3")
        assert [self.get(make, channel, queue).body for _ in range(3)] == [b"1", b"2", b"3"]
        assert self.get(make, channel, queue) is None

    def test_an_acked_message_is_gone(self, make):
        queue, channel = make.queue(), make.channel()
        self.send(make, queue, b"1")
        make.wait(self.get(make, channel, queue).ack())
        make.wait(channel.close())
        assert self.bodies(make, queue) == []

    def test_requeued_it_is_back_at_its_place_and_redelivered(self, make):
        queue, channel = make.queue(), make.channel()
        self.send(make, queue, *(b"%d" % n for n in range(5)))
        taken = [self.get(make, channel, queue) for _ in range(3)]
        make.wait(taken[1].nack())
        make.wait(taken[0].reject(requeue=True))
        again = [self.get(make, channel, queue) for _ in range(4)]
        assert [(one.body, one.redelivered) for one in again] == [
            (b"0", True), (b"1", True), (b"3", False), (b"4", False)]

    def test_rejected_without_requeue_it_is_gone(self, make):
        queue, channel = make.queue(), make.channel()
        self.send(make, queue, b"1", b"2")
        make.wait(self.get(make, channel, queue).reject(requeue=False))
        make.wait(self.get(make, channel, queue).nack(requeue=False))
        assert self.bodies(make, queue) == []

    def test_multiple_settles_all_up_to_a_tag(self, make):
        queue, channel = make.queue(), make.channel()
        self.send(make, queue, *(b"%d" % n for n in range(5)))
        taken = [self.get(make, channel, queue) for _ in range(5)]
        make.wait(taken[1].ack(multiple=True))
        make.wait(taken[3].nack(multiple=True))
        make.wait(channel.close())
        assert self.bodies(make, queue) == [b"2", b"3", b"4"]

    def test_tags_count_within_a_channel(self, make):
        queue, first, second = make.queue(), make.channel(), make.channel()
        self.send(make, queue, b"1", b"2", b"3")
        assert [self.get(make, channel, queue).tag for channel in (first, first, second)] == [1, 2, 1]

    @pytest.mark.parametrize("again", ["ack", "nack", "reject"])
    def test_settled_twice_closes_the_channel(self, make, again):
        queue, channel = make.queue(), make.channel()
        self.send(make, queue, b"1", b"2")
        one, _ = self.get(make, channel, queue), self.get(make, channel, queue)
        make.wait(one.ack())
        with pytest.raises(PreconditionFailed) as caught:
            make.wait(getattr(one, again)())
        assert caught.value.code == 406
        with pytest.raises(ChannelClosed):
            make.wait(channel.get(queue))
        assert self.bodies(make, queue) == [b"2"]

    def test_a_closed_channel_gives_back_what_it_had(self, make):
        queue, channel = make.queue(), make.channel()
        self.send(make, queue, b"1", b"2", b"3")
        self.get(make, channel, queue), self.get(make, channel, queue)
        make.wait(channel.close())
        again = make.channel()
        assert [(one.body, one.redelivered) for one in (self.get(make, again, queue) for _ in range(3))] == [
            (b"1", True), (b"2", True), (b"3", False)]

    def test_auto_ack_leaves_nothing_to_settle(self, make):
        queue, channel = make.queue(), make.channel()
        self.send(make, queue, b"1")
        self.get(make, channel, queue, auto_ack=True)
        make.wait(channel.close())
        assert self.bodies(make, queue) == []

    def test_with_acks_or_rejects(self, make):
        dead = make.queue()
        queue, channel = make.queue(dead_letter_exchange="", dead_letter_key=dead), make.channel()
        self.send(make, queue, b"1", b"2")
        with self.get(make, channel, queue):
            pass
        with pytest.raises(ZeroDivisionError), self.get(make, channel, queue):
            raise ZeroDivisionError
        make.settles()
        make.wait(channel.close())
        assert self.bodies(make, queue) == [] and self.bodies(make, dead) == [b"2"]

    # -------------------------------------------------------------------------------------------------- consumers

    def test_a_consumer_gets_what_is_there_and_what_comes(self, make):
        queue, got = make.queue(), []
        self.send(make, queue, b"1")
        make.channel().consume(queue, lambda one: got.append(one.body))
        make.settles()
        self.send(make, queue, b"2")
        make.settles()
        assert got == [b"1", b"2"]
        depth = make.depth(queue)
        assert (depth.ready, depth.unacked, depth.age) == (0, 0, None)

    @pytest.mark.parametrize("prefetch", [0, 1, 3])
    def test_prefetch_limits_what_is_unacked(self, make, prefetch):
        queue, got = make.queue(), []
        make.channel(prefetch).consume(queue, got.append, acks="manual")
        self.send(make, queue, *(b"%d" % n for n in range(5)))
        make.settles()
        assert len(got) == (prefetch or 5)
        make.wait(got[0].ack())
        make.settles()
        assert len(got) == min(5, prefetch + 1 if prefetch else 5)
        depth = make.depth(queue)
        assert depth.ready + depth.unacked == 4

    def test_auto_ack_ignores_prefetch(self, make):
        queue, got = make.queue(), []
        make.channel(1).consume(queue, got.append, acks="auto")
        self.send(make, queue, *(b"%d" % n for n in range(5)))
        make.settles()
        assert [one.body for one in got] == [b"0", b"1", b"2", b"3", b"4"]

    def test_consumers_take_turns(self, make):
        queue, got = make.queue(), {"a": [], "b": []}
        for name in got:
            make.channel(10).consume(queue, got[name].append, acks="manual")
        make.settles()
        self.send(make, queue, *(b"%d" % n for n in range(6)))
        make.settles()
        assert [len(got["a"]), len(got["b"])] == [3, 3]

    def test_a_busy_consumer_gets_no_more_than_its_prefetch_and_the_idle_one_the_rest(self, make):
        queue, busy, idle = make.queue(), [], []
        make.channel(1).consume(queue, busy.append, acks="manual")
        make.channel(1).consume(queue, lambda one: idle.append(one.body))
        make.settles()
        self.send(make, queue, *(b"%d" % n for n in range(6)))
        make.settles()
        assert len(busy) == 1 and len(idle) == 5

    def test_a_handler_that_raises_rejects(self, make):
        dead = make.queue()
        queue = make.queue(dead_letter_exchange="", dead_letter_key=dead)

        def handler(one):
            if one.body == b"2":
                raise ZeroDivisionError

        consumer = make.channel(1).consume(queue, handler)
        self.send(make, queue, b"1", b"2", b"3")
        make.settles()
        assert [type(error) for error in consumer.errors] == [ZeroDivisionError]
        assert self.bodies(make, dead) == [b"2"] and self.bodies(make, queue) == []

    def test_a_handler_that_takes_time_is_acked_at_its_end(self, make):
        queue, ended = make.queue(), []

        def handler(one):
            yield 0.15
            ended.append(one.body)

        channel = make.channel(1)
        channel.consume(queue, handler)
        self.send(make, queue, b"1", b"2")
        make.passes(0.06)
        assert ended == [] and make.depth(queue)[:2] == (1, 1)
        self.until(make, lambda: ended == [b"1", b"2"] and make.depth(queue)[:2] == (0, 0))

    def test_a_cancelled_consumer_gets_nothing_more(self, make):
        queue, got = make.queue(), []
        consumer = make.channel().consume(queue, lambda one: got.append(one.body))
        make.settles()
        make.wait(consumer.cancel())
        self.send(make, queue, b"1")
        make.settles()
        assert got == [] and self.bodies(make, queue) == [b"1"]

    def test_a_handler_that_requeues_at_once_gets_it_again(self, make):
        queue, seen = make.queue(), []

        def handler(one):
            seen.append(one.redelivered)
            if len(seen) < 4:
                one.nack()

        make.channel(1).consume(queue, handler)
        self.send(make, queue, b"1")
        make.settles()
        assert seen == [False, True, True, True] and make.depth(queue)[:2] == (0, 0)

    # ------------------------------------------------------------------------------------------------- dead letters

    def deaths(self, make, dead):
        one = self.get(make, make.channel(), dead, auto_ack=True)
        return [(death["queue"], death["reason"], death["count"]) for death in one.headers["x-death"]]

    def dying(self, make, **settings):
        """A queue and the queue of its dead letters, which get there through an exchange."""
        make.wait(make.router.declare_exchange("dead", "direct"))
        dead = make.queue()
        make.wait(make.router.bind(dead, "dead", "gone"))
        return make.queue(dead_letter_exchange="dead", dead_letter_key="gone", **settings), dead

    def test_rejected(self, make):
        queue, dead = self.dying(make)
        self.send(make, queue, b"1", headers={"mine": 1})
        make.wait(self.get(make, make.channel(), queue).reject(requeue=False))
        one = self.get(make, make.channel(), dead)
        death, = one.headers["x-death"]
        assert (one.body, one.key, one.exchange, one.headers["mine"]) == (b"1", "gone", "dead", 1)
        assert (death["count"], death["reason"], death["queue"], death["exchange"], death["routing-keys"]) == (
            1, "rejected", queue, "", [queue])
        assert [one.headers[f"x-first-death-{name}"] for name in ("reason", "queue", "exchange")] == [
            "rejected", queue, ""]

    def test_a_dead_letter_keeps_its_key_if_no_other_is_set(self, make):
        make.wait(make.router.declare_exchange("x", "direct"))
        make.wait(make.router.declare_exchange("dead", "fanout"))
        dead, queue = make.queue(), make.queue(dead_letter_exchange="dead")
        make.wait(make.router.bind(dead, "dead"))
        make.wait(make.router.bind(queue, "x", "order.placed"))
        make.wait(make.router.publish("x", "order.placed", b"1"))
        make.wait(self.get(make, make.channel(), queue).reject(requeue=False))
        one = self.get(make, make.channel(), dead)
        assert (one.key, one.exchange) == ("order.placed", "dead")

    @pytest.mark.parametrize("queue_ttl, own", [(120, None), (None, "120"), (120, "60000"), (60_000, "120")])
    def test_expired_by_the_lower_of_both_times(self, make, queue_ttl, own):
        """Not before 120 ms, and long before 60 s."""
        queue, dead = self.dying(make, ttl=queue_ttl)
        began = make.now()
        self.send(make, queue, b"1", expiration=own)
        self.until(make, lambda: make.depth(queue).ready == 0)
        assert round(make.now() - began, 6) >= 0.12
        self.until(make, lambda: make.depth(dead).ready == 1)
        assert self.deaths(make, dead) == [(queue, "expired", 1)]

    def test_the_expiration_is_taken_off_a_dead_letter(self, make):
        make.wait(make.router.declare_exchange("dead", "fanout"))
        dead, queue = make.queue(), make.queue(dead_letter_exchange="dead")
        make.wait(make.router.bind(dead, "dead"))
        self.send(make, queue, b"1", expiration="50")
        self.until(make, lambda: make.depth(dead).ready == 1)
        make.passes(0.2)
        assert self.bodies(make, dead) == [b"1"]

    def test_only_the_head_expires(self, make):
        queue, dead = self.dying(make)
        self.send(make, queue, b"long", expiration="60000")
        self.send(make, queue, b"short", expiration="50")
        make.passes(0.2)
        assert make.depth(queue).ready == 2 and make.depth(dead).ready == 0
        channel = make.channel()
        assert self.get(make, channel, queue).body == b"long"
        make.settles()
        assert self.get(make, channel, queue) is None and self.bodies(make, dead) == [b"short"]

    def test_maxlen_drops_the_head(self, make):
        queue, dead = self.dying(make, max_length=2)
        self.send(make, queue, b"1", b"2", b"3", b"4")
        assert self.deaths(make, dead) == [(queue, "maxlen", 1)]
        assert self.bodies(make, dead) == [b"2"] and self.bodies(make, queue) == [b"3", b"4"]

    def test_maxlen_counts_what_is_ready(self, make):
        queue, channel = make.queue(max_length=2), make.channel()
        self.send(make, queue, b"1", b"2")
        one = self.get(make, channel, queue)
        self.send(make, queue, b"3")
        assert make.depth(queue)[:2] == (2, 1)
        make.wait(one.nack())
        assert self.bodies(make, queue) == [b"2", b"3"]

    def test_reject_publish_nacks_the_confirm(self, make):
        queue, dead = self.dying(make, max_length=2, overflow="reject-publish")
        self.send(make, queue, b"1", b"2")
        with pytest.raises(Nacked):
            self.send(make, queue, b"3")
        assert self.bodies(make, queue) == [b"1", b"2"] and make.depth(dead).ready == 0
        self.send(make, queue, b"4")
        assert self.bodies(make, queue) == [b"4"]

    def test_one_full_queue_of_two_nacks_and_the_other_has_the_message(self, make):
        make.wait(make.router.declare_exchange("x", "fanout"))
        full, other = make.queue(max_length=0, overflow="reject-publish"), make.queue()
        for queue in (full, other):
            make.wait(make.router.bind(queue, "x"))
        with pytest.raises(Nacked):
            make.wait(make.router.publish("x", "", b"1"))
        assert self.bodies(make, other) == [b"1"]

    def test_delivery_limit(self, make):
        """With 3 there are four deliveries."""
        queue, dead = self.dying(make, type="quorum", delivery_limit=3)
        self.send(make, queue, b"1")
        channel, counts = make.channel(), []
        while (one := self.get(make, channel, queue)) is not None and len(counts) < 9:
            counts.append(one.headers["x-delivery-count"])
            make.wait(one.nack())
        assert counts == [0, 1, 2, 3]
        assert self.deaths(make, dead) == [(queue, "delivery_limit", 1)]
        assert self.bodies(make, dead) == [] and make.depth(queue)[:2] == (0, 0)

    def test_a_quorum_queue_requeues_to_the_place_with_a_limit_and_to_the_back_without(self, make):
        for limit, order in ((5, [b"1", b"2", b"3"]), (None, [b"2", b"3", b"1"])):
            queue, channel = make.queue(type="quorum", delivery_limit=limit), make.channel()
            self.send(make, queue, b"1", b"2", b"3")
            make.wait(self.get(make, channel, queue).nack())
            assert self.bodies(make, queue) == order

    def test_quorum_queues_give_again_what_came_back_before_all_others(self, make):
        """In the order in which it came back, not at its old place; and so without a limit, if the channel closed."""
        queue, channel = make.queue(type="quorum", delivery_limit=5), make.channel()
        self.send(make, queue, *(b"%d" % n for n in range(6)))
        taken = [self.get(make, channel, queue) for _ in range(4)]
        make.wait(taken[2].nack())
        make.wait(taken[0].nack())
        make.wait(channel.close())
        assert self.bodies(make, queue) == [b"2", b"0", b"1", b"3", b"4", b"5"]
        queue, channel = make.queue(type="quorum"), make.channel()
        self.send(make, queue, *(b"%d" % n for n in range(4)))
        taken = [self.get(make, channel, queue) for _ in range(3)]
        make.wait(taken[0].nack())
        make.wait(channel.close())
        assert self.bodies(make, queue) == [b"1", b"2", b"3", b"0"]

    def test_a_second_death_counts_and_keeps_what_the_first_one_said(self, make):
        queue, dead = self.dying(make)
        make.wait(make.router.declare_exchange("x", "fanout"))
        make.wait(make.router.bind(queue, "x"))
        self.send(make, queue, b"1")
        channel = make.channel()
        make.wait(self.get(make, channel, queue).reject(requeue=False))
        make.settles()
        one = self.get(make, channel, dead)
        make.wait(make.router.publish("x", "other", b"1", headers=one.headers))
        make.wait(self.get(make, channel, queue).reject(requeue=False))
        make.settles()
        again, = self.get(make, channel, dead).headers["x-death"]
        assert again == {**one.headers["x-death"][0], "count": 2}

    def test_what_a_deleted_queue_had_unacked_is_gone_with_it(self, make):
        queue, dead = self.dying(make)
        self.send(make, queue, b"1")
        one = self.get(make, make.channel(), queue)
        make.wait(make.router.delete_queue(queue))
        make.wait(one.reject(requeue=False))
        make.settles()
        assert self.bodies(make, dead) == []

    def test_deaths_are_counted_by_queue_and_reason_newest_first(self, make):
        """A retry with backoff: rejected to a queue where nobody reads, expired back to where it was."""
        wait, work = "wait" + make.queue(), make.queue()
        make.wait(make.router.declare_queue(wait, ttl=50, dead_letter_exchange="", dead_letter_key=work))
        retry = make.queue(dead_letter_exchange="", dead_letter_key=wait)
        make.wait(make.router.declare_exchange("x", "fanout"))
        make.wait(make.router.bind(retry, "x"))
        make.wait(make.router.delete_queue(work))
        make.wait(make.router.declare_queue(work, dead_letter_exchange="", dead_letter_key=wait))
        self.send(make, work, b"1")
        for count in (1, 2, 3):
            self.until(make, lambda: make.depth(work).ready == 1)
            one = self.get(make, make.channel(), work)
            if count > 1:
                assert [(d["queue"], d["reason"], d["count"]) for d in one.headers["x-death"]] == [
                    (wait, "expired", count - 1), (work, "rejected", count - 1)]
                assert one.headers["x-first-death-reason"] == "rejected"
            make.wait(one.reject(requeue=False))

    def test_a_cycle_without_a_rejection_is_dropped(self, make):
        a, b = "a" + make.queue(), "b" + make.queue()
        make.wait(make.router.declare_queue(a, ttl=50, dead_letter_exchange="", dead_letter_key=b))
        make.wait(make.router.declare_queue(b, ttl=50, dead_letter_exchange="", dead_letter_key=a))
        self.send(make, a, b"1")

        def gone():
            """Nowhere, ten looks in a row: a message that goes round is in one of the two for 50 ms, and so on."""
            return not any(make.passes(0.02) or make.depth(queue).ready for _ in range(10) for queue in (a, b))

        self.until(make, gone)

    # ---------------------------------------------------------------------------------------------------- priority

    def test_higher_priorities_come_first_and_equal_ones_in_order(self, make):
        queue = make.queue(max_priority=3)
        for body, priority in ((b"a", None), (b"b", 1), (b"c", 3), (b"d", 0), (b"e", 200), (b"f", 1)):
            self.send(make, queue, body, priority=priority)
        assert self.bodies(make, queue) == [b"c", b"e", b"b", b"f", b"a", b"d"]

    def test_requeued_it_is_back_in_its_level(self, make):
        queue, channel = make.queue(max_priority=2), make.channel()
        for body, priority in ((b"a", 2), (b"b", 2), (b"c", 1)):
            self.send(make, queue, body, priority=priority)
        make.wait(self.get(make, channel, queue).nack())
        assert self.bodies(make, queue) == [b"a", b"b", b"c"]

    # ----------------------------------------------------------------------------------------- declaring, wrong use

    def test_to_declare_the_same_again_is_fine_and_another_is_refused(self, make):
        queue = make.queue(max_length=5)
        assert make.wait(make.router.declare_queue(queue, max_length=5)) == queue
        with pytest.raises(PreconditionFailed) as caught:
            make.wait(make.router.declare_queue(queue, max_length=6))
        assert caught.value.code == 406
        make.wait(make.router.declare_exchange("x", "topic"))
        make.wait(make.router.declare_exchange("x", "topic"))
        with pytest.raises(PreconditionFailed):
            make.wait(make.router.declare_exchange("x", "direct"))

    @pytest.mark.parametrize("settings", [
        {"type": "quorum", "exclusive": True}, {"type": "quorum", "durable": False},
        {"type": "quorum", "max_priority": 3}, {"dead_letter_key": "a"}, {"max_priority": 256},
        {"max_length": -1}, {"ttl": -1}])
    def test_a_mix_that_is_refused(self, make, settings):
        with pytest.raises(PreconditionFailed):
            make.queue(**settings)

    def test_what_is_not_there(self, make):
        queue = make.queue()
        with pytest.raises(NotFound) as caught:
            make.wait(make.router.publish("nothing", "a", b"1"))
        assert caught.value.code == 404
        for call in (lambda: make.router.bind(queue, "nothing"), lambda: make.router.bind("nothing", "x"),
                     lambda: make.channel().get("nothing"), lambda: make.router.purge("nothing")):
            make.wait(make.router.declare_exchange("x", "direct"))
            with pytest.raises(NotFound):
                make.wait(call())

    def test_to_unbind_what_is_not_there_is_fine(self, make):
        make.wait(make.router.declare_exchange("x", "direct"))
        queue = make.queue()
        for binding in ((queue, "x", "a"), (queue, "nothing", "a"), ("nothing", "x", "a")):
            make.wait(make.router.unbind(*binding))
        with pytest.raises(AccessRefused):
            make.wait(make.router.unbind(queue, "", queue))

    @pytest.mark.parametrize("question", ["if_unused", "if_empty"])
    def test_a_quorum_queue_is_not_deleted_with_a_question(self, make, question):
        queue = make.queue(type="quorum")
        with pytest.raises(Unsupported) as caught:
            make.wait(make.router.delete_queue(queue, **{question: True}))
        assert caught.value.code == 540
        assert make.wait(make.router.delete_queue(queue)) == 0

    def test_names_of_the_router_are_refused(self, make):
        for call in (lambda: make.router.declare_queue("amq.mine"), lambda: make.router.declare_exchange("", "direct"),
                     lambda: make.router.declare_exchange("amq.mine", "direct")):
            with pytest.raises(AccessRefused):
                make.wait(call())

    def test_a_queue_without_a_name_gets_one(self, make):
        first, second = make.wait(make.router.declare_queue("")), make.wait(make.router.declare_queue(""))
        assert first != second and first.startswith("amq.gen-")
        self.send(make, first, b"1")
        assert self.bodies(make, first) == [b"1"]

    def test_purge_and_delete_say_how_much_was_ready(self, make):
        queue, channel = make.queue(), make.channel()
        self.send(make, queue, b"1", b"2", b"3")
        one = self.get(make, channel, queue)
        assert make.wait(make.router.purge(queue)) == 2
        make.wait(one.nack())
        with pytest.raises(PreconditionFailed):
            make.wait(make.router.delete_queue(queue, if_empty=True))
        assert make.wait(make.router.delete_queue(queue)) == 1
        with pytest.raises(EvlabError):
            make.wait(make.channel().get(queue))
