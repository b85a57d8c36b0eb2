"""What a topic may be called, and how it may be set up."""

from __future__ import annotations

import pytest

from evlab.errors import InvalidUse
from evlab.log.topics import TopicConfig, check_partitions, check_topic


@pytest.mark.parametrize("name", ["a", "orders", "Orders_2.eu-west", "...", "-", "__consumer_offsets", "a" * 249])
def test_names_that_kafka_takes(name):
    assert check_topic(name) == name


@pytest.mark.parametrize("name", ["", ".", "..", "a" * 250, "a/b", "a b", "ä", "a\n", "../x", None, 7, b"a", "²"])
def test_names_that_kafka_refuses(name):
    with pytest.raises(InvalidUse):
        check_topic(name)


@pytest.mark.parametrize("number", [0, -1, 1.0, "3", None, True, 2**63])
def test_a_number_of_partitions_is_a_number(number):
    with pytest.raises(InvalidUse):
        check_partitions(number)


def test_the_defaults_are_kafkas():
    config = TopicConfig()
    assert (config.segment_bytes, config.segment_ms, config.retention_ms, config.retention_bytes) == (
        1 << 30, 7 * 24 * 3600 * 1000, 7 * 24 * 3600 * 1000, None)
    assert (config.index_interval, config.min_cleanable_ratio, config.max_batch_bytes, config.delete_retention_ms) == (
        4096, 0.5, 1_048_588, 24 * 3600 * 1000)
    assert (config.flush, config.cleanup, config.replication, config.min_insync_replicas, config.unclean) == (
        "ack", "delete", 1, 1, False)


@pytest.mark.parametrize("field, wrong", [
    *(("segment_bytes", wrong) for wrong in (0, -1, 2**31, 1.5, None, "1")), ("segment_ms", 0), ("max_batch_bytes", 0),
    ("replication", 0), ("min_insync_replicas", 0), ("retention_ms", -1), ("retention_ms", 0.5),
    ("retention_bytes", -1), ("delete_retention_ms", -1), ("index_interval", -1), ("flush", "always"), ("flush", None),
    ("cleanup", "both"), ("unclean", 3), ("unclean", None), ("min_cleanable_ratio", 1.1),
    ("min_cleanable_ratio", -0.1), ("min_cleanable_ratio", True), ("min_cleanable_ratio", float("nan")),
    ("min_cleanable_ratio", "0.5")])
def test_a_setting_that_cannot_be_is_refused(field, wrong):
    with pytest.raises(InvalidUse):
        TopicConfig(**{field: wrong})


def test_more_replicas_in_sync_than_there_are_can_never_be():
    with pytest.raises(InvalidUse):
        TopicConfig(replication=2, min_insync_replicas=3)


@pytest.mark.parametrize("fine", [{"segment_bytes": 1}, {"segment_bytes": 2**31 - 1}, {"retention_ms": None},
                                  {"retention_bytes": 0}, {"min_cleanable_ratio": 0}, {"index_interval": 0}])
def test_small_and_large_settings_that_can_be(fine):
    assert getattr(TopicConfig(**fine), next(iter(fine))) == next(iter(fine.values()))
