"""What a child process does to a router on real files: publish, get and ack until it is killed."""

from __future__ import annotations

import sys
from itertools import count

from evlab.router import Router

__all__ = ["publish_until_killed"]


def publish_until_killed(path: str, life: str) -> None:
    """Print "sent n" when message n of this life is confirmed, and "took n/m" before a message is acked."""
    router = Router(path)
    router.declare_queue("q")
    channel = router.channel()
    for number in count():
        body = b"%d/%d" % (int(life), number)
        if router.publish("", "q", body).done:
            print("sent", body.decode(), flush=True)
        if number % 3 == 0:
            one = channel.get("q")
            print("took", one.body.decode(), flush=True)
            one.ack()


if __name__ == "__main__":
    publish_until_killed(*sys.argv[1:])
