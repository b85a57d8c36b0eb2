"""What every partitioned log must do: evlab's own, on files and in a World, and real Kafka. `tests/log/test_log.py`
runs it.

Only the public verbs are used. A fixture `make` returns an object with `log`, `producer(**more)`,
`consumer(group, topics, **more)`, and `wait(later)`, which gives a Later's value, and `passes(seconds)`, in which the
background has its turn.
"""

from __future__ import annotations

import pytest

from evlab.errors import EvlabError, InvalidUse
from evlab.log import Record, TopicExists, UnknownTopic
from evlab.log.partitioner import partition as murmur2_partition

__all__ = ["LogContract"]


class LogContract:
    """Inherit from it, and let a fixture `make` return such an object, new for each test."""

    def read(self, make, consumer, count, most=500) -> list[Record]:
        """Poll until so many records have come; a few more polls show that there are no others."""
        found = []
        for _ in range(200):
            found += consumer.poll(most)
            if len(found) >= count:
                break
            make.passes(0.1)
        make.passes(0.2)
        return found + consumer.poll(most)

    def fill(self, make, count=10, partitions=1, keys=5, topic="orders", **more) -> list:
        make.log.create_topic(topic, partitions, **more)
        producer = make.producer()
        sent = [producer.send(topic, b"v%d" % n, key=f"key-{n % keys}") for n in range(count)]
        make.wait(producer.flush())
        return [one.value for one in sent]

    # ------------------------------------------------------------------------------------------------ producing

    def test_offsets_are_given_in_order_without_holes(self, make):
        places = self.fill(make, 10)
        assert places == [("orders", 0, n) for n in range(10)]

    def test_each_partition_counts_for_itself(self, make):
        places = self.fill(make, 60, partitions=3, keys=20)
        for number in range(3):
            offsets = [place.offset for place in places if place.partition == number]
            assert offsets == list(range(len(offsets))) and offsets

    def test_a_record_comes_back_as_it_was_sent(self, make):
        make.log.create_topic("orders")
        producer = make.producer()
        headers = (("type", b"OrderPlaced"), ("empty", b""), ("type", b"twice"), ("ünï", "日本".encode()),
                   ("none", None))
        producer.send("orders", bytes(range(256)), key=b"\x00\xff", headers=headers, timestamp=1_700_000_000_123)
        make.wait(producer.flush())
        record = self.read(make, make.consumer("email", "orders"), 1)[0]
        assert (record.topic, record.partition, record.offset) == ("orders", 0, 0)
        assert (record.key, record.value, record.timestamp) == (b"\x00\xff", bytes(range(256)), 1_700_000_000_123)
        assert tuple(record.headers) == headers

    @pytest.mark.parametrize("key, value", [(b"k", None), (None, b"v"), (None, None), (b"", b""), ("schlüssel", b"v")])
    def test_a_missing_key_or_value_is_not_an_empty_one(self, make, key, value):
        """A missing value is a tombstone."""
        make.log.create_topic("orders")
        producer = make.producer()
        producer.send("orders", value, key=key)
        make.wait(producer.flush())
        record = self.read(make, make.consumer("email", "orders"), 1)[0]
        assert record.value == value and record.key == (key.encode() if isinstance(key, str) else key)

    def test_the_key_says_the_partition(self, make):
        places = self.fill(make, 50, partitions=7, keys=25)
        assert [place.partition for place in places] == [
            murmur2_partition(f"key-{n % 25}".encode(), 7) for n in range(50)]

    def test_a_partition_may_be_named(self, make):
        make.log.create_topic("orders", 4)
        producer = make.producer()
        sent = [producer.send("orders", b"v", key="the same", partition=number) for number in (3, 0, 2, 1)]
        make.wait(producer.flush())
        assert [one.value.partition for one in sent] == [3, 0, 2, 1]

    def test_records_without_a_key_reach_every_partition_in_the_end(self, make):
        make.log.create_topic("orders", 3)
        producer = make.producer()
        places = set()
        for _ in range(60):
            sent = producer.send("orders", b"v")
            make.wait(producer.flush())
            places.add(sent.value.partition)
        assert places == {0, 1, 2}

    @pytest.mark.parametrize("acks", [0, 1, "all"])
    def test_every_kind_of_ack(self, make, acks):
        make.log.create_topic("orders")
        producer = make.producer(acks=acks, idempotent=False)
        sent = producer.send("orders", b"v")
        make.wait(producer.flush())
        assert sent.value.offset == (-1 if acks == 0 else 0)
        assert [record.value for record in self.read(make, make.consumer("email", "orders"), 1)] == [b"v"]

    @pytest.mark.parametrize("codec", ["none", "gzip"])
    def test_codecs(self, make, codec):
        make.log.create_topic("orders")
        producer = make.producer(codec=codec, linger=0.01)
        for number in range(100):
            producer.send("orders", b"the same text again and again %d" % number)
        make.wait(producer.flush())
        records = self.read(make, make.consumer("email", "orders"), 100)
        assert [record.value for record in records] == [b"the same text again and again %d" % n for n in range(100)]

    # -------------------------------------------------------------------------------------------------- reading

    def test_records_of_a_partition_come_once_and_in_order(self, make):
        self.fill(make, 60, partitions=3, keys=20)
        records = self.read(make, make.consumer("email", "orders"), 60, most=7)
        assert len(records) == 60
        for number in range(3):
            offsets = [record.offset for record in records if record.partition == number]
            assert offsets == list(range(len(offsets)))

    def test_records_of_a_key_keep_their_order(self, make):
        self.fill(make, 60, partitions=3, keys=6)
        records = self.read(make, make.consumer("email", "orders"), 60)
        for key in range(6):
            values = [record.value for record in records if record.key == b"key-%d" % key]
            assert values == [b"v%d" % n for n in range(60) if n % 6 == key]

    def test_a_poll_gives_no_more_than_was_asked_for(self, make):
        self.fill(make, 10)
        consumer = make.consumer("email", "orders")
        self.read(make, consumer, 1, most=1)
        assert len(consumer.poll(3)) == 3

    def test_each_group_reads_all(self, make):
        self.fill(make, 10)
        for group in ("email", "billing"):
            assert len(self.read(make, make.consumer(group, "orders"), 10)) == 10

    def test_members_of_a_group_share_the_partitions(self, make):
        self.fill(make, 60, partitions=4, keys=30)
        first, second = make.consumer("email", "orders"), make.consumer("email", "orders")
        for _ in range(100):
            first.poll(1), second.poll(1)
            if len(first.assignment) == len(second.assignment) == 2:
                break
            make.passes(0.5)
        assert sorted(first.assignment + second.assignment) == [("orders", n) for n in range(4)]

    def test_several_topics(self, make):
        self.fill(make, 5)
        self.fill(make, 5, topic="payments")
        records = self.read(make, make.consumer("email", ["orders", "payments"]), 10)
        assert sorted({record.topic for record in records}) == ["orders", "payments"] and len(records) == 10

    def test_from_the_latest_on(self, make):
        self.fill(make, 5)
        consumer = make.consumer("email", "orders", reset="latest")
        assert self.read(make, consumer, 0) == []
        for _ in range(100):
            if consumer.assignment:
                break
            make.passes(0.1)
            consumer.poll()
        producer = make.producer()
        producer.send("orders", b"new")
        make.wait(producer.flush())
        assert [record.value for record in self.read(make, consumer, 1)] == [b"new"]

    def test_without_a_place_to_begin_and_without_a_guess_a_poll_says_so(self, make):
        self.fill(make, 5)
        consumer = make.consumer("email", "orders", reset="none")
        with pytest.raises(EvlabError):
            self.read(make, consumer, 1)

    # ----------------------------------------------------------------------------------------------- committing

    def test_a_group_goes_on_where_it_committed(self, make):
        self.fill(make, 10)
        consumer = make.consumer("email", "orders")
        assert len(self.read(make, consumer, 4, most=4)) >= 4
        make.wait(consumer.commit({("orders", 0): 4}))
        make.wait(consumer.close())
        again = make.consumer("email", "orders")
        assert [record.offset for record in self.read(make, again, 6)] == [4, 5, 6, 7, 8, 9]

    def test_commit_notes_the_next_offset_of_what_was_polled(self, make):
        self.fill(make, 10)
        consumer = make.consumer("email", "orders")
        assert len(self.read(make, consumer, 10)) == 10
        make.wait(consumer.commit())
        assert make.wait(consumer.committed()) == {("orders", 0): 10}

    def test_what_was_not_committed_comes_again(self, make):
        self.fill(make, 10)
        consumer = make.consumer("email", "orders")
        assert len(self.read(make, consumer, 10)) == 10
        make.wait(consumer.close())
        assert len(self.read(make, make.consumer("email", "orders"), 10)) == 10

    def test_auto_commit_notes_what_was_given_when_it_closes(self, make):
        self.fill(make, 10)
        consumer = make.consumer("email", "orders", auto_commit=True)
        assert len(self.read(make, consumer, 10)) == 10
        make.wait(consumer.close())
        make.passes(0.5)
        assert make.wait(make.consumer("email", "orders").committed()) == {("orders", 0): 10}

    def test_who_closes_is_told_what_it_gives_up_while_it_may_still_commit(self, make):
        self.fill(make, 10)
        told = []

        def revoked(partitions):
            told.append(sorted(partitions))
            consumer.commit({("orders", 0): 7})

        consumer = make.consumer("email", "orders", on_revoked=revoked)
        self.read(make, consumer, 10)
        make.wait(consumer.close())
        make.wait(consumer.close())
        assert told == [[("orders", 0)]]
        rest = self.read(make, make.consumer("email", "orders"), 3)
        assert [record.value for record in rest] == [b"v7", b"v8", b"v9"]

    def test_lag_is_the_end_less_what_was_committed(self, make):
        self.fill(make, 10)
        consumer = make.consumer("email", "orders")
        self.read(make, consumer, 10)
        make.wait(consumer.commit({("orders", 0): 7}))
        row, = make.log.lag("email")
        assert (row.topic, row.partition, row.committed, row.end, row.lag) == ("orders", 0, 7, 10, 3)

    # -------------------------------------------------------------------------------------- seek, pause, resume

    @pytest.mark.parametrize("offset", [0, 3, 9])
    def test_seek_goes_back_and_forth(self, make, offset):
        self.fill(make, 10)
        consumer = make.consumer("email", "orders")
        self.read(make, consumer, 10)
        consumer.seek("orders", 0, offset)
        assert consumer.position("orders", 0) == offset
        records = self.read(make, consumer, 10 - offset)
        assert [record.offset for record in records] == list(range(offset, 10))
        assert consumer.position("orders", 0) == 10

    def test_a_paused_partition_gives_nothing_until_it_is_resumed(self, make):
        self.fill(make, 40, partitions=2, keys=20)
        consumer = make.consumer("email", "orders")
        first = self.read(make, consumer, 1, most=1)
        consumer.pause(("orders", 0))
        more = []
        for _ in range(10):
            more += consumer.poll()
            make.passes(0.1)
        assert {record.partition for record in more} == {1}
        consumer.resume(("orders", 0))
        rest = self.read(make, consumer, 40 - len(first) - len(more))
        assert sorted((one.partition, one.offset) for one in first + more + rest) == sorted(
            {(one.partition, one.offset) for one in first + more + rest})
        assert len(first + more + rest) == 40

    # --------------------------------------------------------------------------------------------------- topics

    def test_topics_are_listed(self, make):
        for name in ("b", "a.b", "A_1-2", "x" * 249):
            make.log.create_topic(name, 2)
        assert make.log.topics() == sorted(["b", "a.b", "A_1-2", "x" * 249])
        assert make.log.partitions("b") == 2

    def test_a_topic_is_made_once(self, make):
        make.log.create_topic("orders", 3)
        with pytest.raises(TopicExists) as caught:
            make.log.create_topic("orders", 3)
        assert caught.value.topic == "orders"

    def test_dots_and_underscores_collide(self, make):
        make.log.create_topic("orders.placed")
        with pytest.raises(InvalidUse, match="collide"):
            make.log.create_topic("orders_placed")
        make.log.create_topic("orders-placed")

    def test_a_header_that_is_no_text_is_refused_alone(self, make):
        make.log.create_topic("orders")
        producer = make.producer()
        with pytest.raises(InvalidUse):
            producer.send("orders", b"1", headers=[("half a character: \ud83d", b"x")])
        good = producer.send("orders", b"2")
        make.wait(producer.flush())
        assert good.value == ("orders", 0, 0)

    def test_an_unknown_topic(self, make):
        with pytest.raises(UnknownTopic) as caught:
            make.log.partitions("nothing")
        assert caught.value.topic == "nothing"
        with pytest.raises(UnknownTopic):
            make.wait(make.producer().send("nothing", b"v"))

    @pytest.mark.parametrize("name", ["", ".", "..", "a b", "a/b", "ä", "x" * 250, "a\n", None, 7, b"orders", "../up"])
    def test_a_name_that_no_topic_can_have(self, make, name):
        with pytest.raises(InvalidUse):
            make.log.create_topic(name)

    @pytest.mark.parametrize("count", [0, -1, 1.5, "3", None, True])
    def test_a_count_that_partitions_cannot_have(self, make, count):
        with pytest.raises(InvalidUse):
            make.log.create_topic("orders", count)

    def test_more_partitions_are_noticed(self, make):
        """By the group, which reads them, and by a new producer, which fills them."""
        self.fill(make, 10, partitions=1)
        consumer = make.consumer("email", "orders")
        self.read(make, consumer, 10)
        make.log.add_partitions("orders", 3)
        assert make.log.partitions("orders") == 3
        producer = make.producer()
        sent = [producer.send("orders", b"new", partition=number) for number in range(3)]
        make.wait(producer.flush())
        assert [one.value.offset for one in sent] == [10, 0, 0]
        seen = set()
        for _ in range(100):
            seen |= {record.partition for record in consumer.poll() if record.value == b"new"}
            if seen == {0, 1, 2}:
                break
            make.passes(0.5)
        assert seen == {0, 1, 2}

    @pytest.mark.parametrize("count", [0, 1, 2, -1, None, "5"])
    def test_partitions_are_never_taken_away(self, make, count):
        make.log.create_topic("orders", 2)
        with pytest.raises(InvalidUse):
            make.log.add_partitions("orders", count)
        assert make.log.partitions("orders") == 2
