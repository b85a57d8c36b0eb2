"""A message router by RabbitMQ's rules: producers publish to exchanges, bindings choose the queues, consumers ack.

Read it in this order: message, matching (which bindings fit), exchanges, settings and queues (what waits, and what
leaves without being read), dead_letters; then journal and recovery, turns and broker (all of it in one life), topology
(declaring), handling and channel (deliveries and acks); then link, server and client (the same from another node), and
router.
"""

from evlab.router.channel import Channel, Consumer
from evlab.router.client import Client
from evlab.router.errors import (
    AccessRefused,
    ChannelClosed,
    ConnectionLost,
    Nacked,
    NoRoute,
    NotFound,
    PreconditionFailed,
    ResourceLocked,
    RouterError,
    Unsupported,
)
from evlab.router.handling import Delivery
from evlab.router.journal import CorruptJournal, JournalFailed
from evlab.router.matching import headers_match, topic_matches
from evlab.router.message import Confirm, Message
from evlab.router.router import Router

__all__ = ["AccessRefused", "Channel", "ChannelClosed", "Client", "Confirm", "ConnectionLost", "Consumer",
           "CorruptJournal", "Delivery", "JournalFailed", "Message", "Nacked", "NoRoute", "NotFound",
           "PreconditionFailed", "ResourceLocked", "Router", "RouterError", "Unsupported", "headers_match",
           "topic_matches"]
