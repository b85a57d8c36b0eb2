"""A partitioned log by Kafka's rules, in Kafka's file format: producers append, consumer groups share the reading.

Read it in this order: records (a batch, byte for byte), segment and index (a file, and how to find something in it),
recovery, partition, retention, compaction, holes, partitioner; then producer, replica, marks, broker and
controller; then assignors, group, target, consumer, membership; then lag, timelag, health; transactions last.
"""

from evlab.log.consumer import Consumer
from evlab.log.log import Log
from evlab.log.producer import Producer, RecordMetadata
from evlab.log.records import CorruptBatch, Record
from evlab.log.topics import TopicConfig, TopicExists, UnknownTopic

__all__ = ["Consumer", "CorruptBatch", "Log", "Producer", "Record", "RecordMetadata", "TopicConfig", "TopicExists",
           "UnknownTopic"]
