"""What `LogContract` needs of a Kafka, the mock or a real one."""

from __future__ import annotations

import time

from evlab.engines import KafkaLog
from evlab.env import Real

__all__ = ["OnKafka", "eventually", "kafka_log"]

QUICK = {"topic.metadata.refresh.interval.ms": 300}
"""New partitions are noticed soon; otherwise it takes five minutes."""


def kafka_log(bootstrap=None, **more) -> KafkaLog:
    """A KafkaLog with timers of its own."""
    return KafkaLog(bootstrap, Real(), settings=QUICK, **more)


class OnKafka:
    def __init__(self, log: KafkaLog):
        self.log = log

    def producer(self, **more):
        """With the twin's linger of 0: librdkafka stays on a partition for twice that time with records without a key,
        and 5 ms would be long for a test that waits until each partition has had its turn."""
        return self.log.producer(**{"linger": 0.0, **more})

    def consumer(self, group, topics, **more):
        return self.log.consumer(group, topics, **{"heartbeat_interval": 0.2, "fetch_max_wait": 0.05, **more})

    def wait(self, later):
        self.log.env.drive(lambda: later.done)
        return later.value

    def passes(self, seconds):
        time.sleep(min(seconds, 0.1))


def eventually(look, seconds=30.0, beat=0.05):
    """What `look()` gives as soon as it is true; its last answer after so many seconds."""
    until = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < until:
        time.sleep(beat)
    return found
