"""librdkafka's mock cluster: brokers inside this process that speak Kafka's protocol, for trying and for fast tests.

It keeps everything in memory, and of each partition the newest 5 MiB at most: older records vanish silently.
`test.mock.num.brokers` starts one, whose topics all have 4 partitions. Its C functions can say how many, and that a
group's first member need not wait 3 s for others. They are in the library that confluent_kafka has loaded; where they
cannot be reached, the setting has to do.
(librdkafka: rdkafka_mock.h.)
"""

from __future__ import annotations

import ctypes

from confluent_kafka import Producer, cimpl

__all__ = ["AUTOMATIC", "MockCluster"]

AUTOMATIC = 4
"""Partitions of a topic that the mock makes by itself."""
_PRODUCER, _QUIET = 0, b"0"


class MockCluster:
    """Some brokers, from now until `close`. address: where they listen. counts: can a topic have another number of
    partitions than 4?"""

    def __init__(self, brokers: int):
        self._lib = self._handle = self._cluster = self._keeper = None
        try:
            self._lib = _library()
        except (OSError, AttributeError):
            self._keeper = Producer({"test.mock.num.brokers": brokers, "log_level": 0})
            found = self._keeper.list_topics(timeout=10).brokers.values()
            self.address = ",".join(f"{broker.host}:{broker.port}" for broker in found)
        else:
            self._start(brokers)
        self.counts = self._lib is not None

    def _start(self, brokers: int) -> None:
        lib, reason = self._lib, ctypes.create_string_buffer(256)
        settings = lib.rd_kafka_conf_new()
        lib.rd_kafka_conf_set(settings, b"log_level", _QUIET, reason, len(reason))
        self._handle = lib.rd_kafka_new(_PRODUCER, settings, reason, len(reason))
        if not self._handle:
            raise RuntimeError(reason.value.decode())
        self._cluster = lib.rd_kafka_mock_cluster_new(self._handle, brokers)
        lib.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, 0)
        self.address = lib.rd_kafka_mock_cluster_bootstraps(self._cluster).decode()

    def make_topic(self, name: str, partitions: int) -> None:
        """Make a topic that is not there yet; with the setting alone, it comes by itself when it is asked for."""
        if self._cluster:
            self._lib.rd_kafka_mock_topic_create(self._cluster, name.encode(), partitions, 1)
        else:
            self._keeper.list_topics(name, timeout=10)

    def close(self) -> None:
        if self._cluster:
            self._lib.rd_kafka_mock_cluster_destroy(self._cluster)
            self._lib.rd_kafka_destroy(self._handle)
        self._cluster = self._handle = self._keeper = None


def _library() -> ctypes.CDLL:
    """The functions of the librdkafka that confluent_kafka uses. Raises OSError or AttributeError if there is no way
    to them (Windows looks for a name in one file alone)."""
    lib = ctypes.CDLL(cimpl.__file__)
    address, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    for name, gives, *takes in (
            ("rd_kafka_conf_new", address),
            ("rd_kafka_conf_set", number, address, text, text, text, ctypes.c_size_t),
            ("rd_kafka_new", address, number, address, text, ctypes.c_size_t),
            ("rd_kafka_destroy", None, address),
            ("rd_kafka_mock_cluster_new", address, address, number),
            ("rd_kafka_mock_cluster_destroy", None, address),
            ("rd_kafka_mock_cluster_bootstraps", text, address),
            ("rd_kafka_mock_group_initial_rebalance_delay_ms", None, address, ctypes.c_int32),
            ("rd_kafka_mock_topic_create", number, address, text, number, number)):
        function = getattr(lib, name)
        function.restype, function.argtypes = gives, takes
    return lib
