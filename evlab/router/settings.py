"""What a queue may be declared as, checked before anything is made of it; and what a name may be."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct

from evlab.errors import InvalidUse
from evlab.router.errors import AccessRefused, PreconditionFailed

__all__ = ["MOST_PRIORITIES", "OVERFLOWS", "QueueSettings", "check_name"]

MOST_PRIORITIES = 255
OVERFLOWS = ("drop-head", "reject-publish")


class QueueSettings(Struct, frozen=True, kw_only=True):
    """How a queue behaves. Raises `PreconditionFailed` for a value, or a mix, that RabbitMQ refuses."""

    type: str = "classic"
    """"classic", or "quorum": never exclusive, always durable, without priorities, with a delivery limit."""
    durable: bool = True
    """Is it there after a restart, with its persistent messages?"""
    exclusive: bool = False
    """For the connection that declares it alone, and gone with it."""
    max_length: int | None = None
    """Ready messages at most."""
    overflow: str = "drop-head"
    """What happens beyond max_length: the oldest is dead-lettered, or the new one is nacked."""
    ttl: int | None = None
    """Milliseconds that a message may be ready. It leaves when it is at the head."""
    dead_letter_exchange: str | None = None
    dead_letter_key: str | None = None
    """None: dead letters keep the key that they had."""
    max_priority: int | None = None
    """Levels above 0. Each costs memory: use 2 to 4."""
    delivery_limit: int | None = None
    """How often a message may come back: with 3 it is delivered four times."""

    def __post_init__(self):
        if self.type not in ("classic", "quorum"):
            raise PreconditionFailed(f"there is no queue type {self.type!r:.40}",
                                     next_step='give "classic" or "quorum"')
        for name, least, most in (("max_length", 0, 2**31), ("ttl", 0, 2**32 - 1), ("delivery_limit", 0, 2**31),
                                  ("max_priority", 1, MOST_PRIORITIES)):
            value = getattr(self, name)
            if value is not None and (type(value) is not int or not least <= value <= most):
                raise PreconditionFailed(f"invalid {name}: {value!r:.40}", next_step=f"give {least} to {most:,}")
        if self.overflow not in OVERFLOWS:
            raise PreconditionFailed(f"invalid overflow: {self.overflow!r:.40}",
                                     next_step=f"give one of {', '.join(OVERFLOWS)}")
        for name in "dead_letter_exchange", "dead_letter_key":
            if not isinstance(getattr(self, name), str | None):
                raise PreconditionFailed(f"invalid {name}: {getattr(self, name)!r:.40}", next_step="give a name")
        for name in "durable", "exclusive":
            if type(getattr(self, name)) is not bool:
                raise PreconditionFailed(f"invalid {name}: {getattr(self, name)!r:.40}", next_step="give True or False")
        for wrong, why in ((self.dead_letter_key is not None and self.dead_letter_exchange is None,
                            "a dead-letter key goes with a dead-letter exchange"),
                           (self.type == "quorum" and self.exclusive, "a quorum queue is never exclusive"),
                           (self.type == "quorum" and not self.durable, "a quorum queue is durable"),
                           (self.type == "quorum" and self.max_priority is not None,
                            "priorities are of classic queues"),
                           (self.type == "classic" and self.delivery_limit is not None,
                            "a delivery limit is of quorum queues")):
            if wrong:
                raise PreconditionFailed("these settings do not go together", why=why,
                                         next_step="leave one of them out")


def check_name(name: Any, what: str) -> str:
    """The name of a new queue or exchange. Raises `InvalidUse`, and `AccessRefused` for one of the router's own."""
    if not isinstance(name, str) or not re.fullmatch(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,255}", name):
        raise InvalidUse(f"{name!r:.60} cannot name {what}", next_step="give a text of 1 to 255 characters")
    if name.startswith("amq."):
        raise AccessRefused(f"{name!r} begins with amq.", why="such names are the router's own",
                            next_step="give it another name")
    return name
