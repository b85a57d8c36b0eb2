"""What ends each call to a broker: notes go to the disk, confirms go out, consumers have their turn.

In this order. So what a consumer gets of a persistent message is on the disk before, and so is what a confirm tells.
With a linger, confirms wait a little, so that one fsync serves many; consumers do not wait.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from evlab.env import Env, Later, Timer
from evlab.router.errors import Nacked
from evlab.router.journal import Entry, Journal, JournalFailed
from evlab.router.message import Confirm
from evlab.router.queues import MOMENT, Item, Queue

__all__ = ["Turns"]


class Turns:
    """The part of a broker that ends its calls."""

    def __init__(self, env: Env, node: str, journal: Journal | None, linger: float):
        self.env, self.node, self.journal, self.linger = env, node, journal, linger
        self.dead = False
        self.stored = 0
        """Messages in queues of which the journal knows, one for each queue."""
        self._awake: dict[Queue, None] = {}
        self._dispatching = False
        self._unconfirmed: list[tuple[Later, Nacked | None]] = []
        self._lingering: Timer | None = None
        self._changed = self._urgent = False

    def drop(self, queue: Queue, items: list[Item], reason: str) -> None:
        raise NotImplementedError

    def expire(self, queue: Queue, slack: float = MOMENT) -> None:
        raise NotImplementedError

    def entries(self) -> Iterator[Entry]:
        """What the journal would have if it began now."""
        raise NotImplementedError

    def note(self, *entry: Any) -> None:
        """Add to the journal, if there is one."""
        if self.journal is not None:
            self.journal.add(entry)
            self._changed = True

    def wake(self, queue: Queue) -> None:
        """Look at this queue when the call ends."""
        self._awake[queue] = None

    def finish(self) -> None:
        """End a call: notes go to the disk, consumers have their turn, what is too much or too old leaves."""
        if self._changed:
            self._write()
        if not self._awake or self._dispatching:
            return
        self._dispatching = True
        try:
            while self._awake:
                queue = next(iter(self._awake))
                del self._awake[queue]
                if queue.consumers and queue.ready:
                    self._dispatch(queue)
                if queue.timed:
                    self.expire(queue)
                if queue.most is not None:
                    self.drop(queue, queue.trim(), "maxlen")
                if self._changed:
                    self._write()
        finally:
            self._dispatching = False

    def _dispatch(self, queue: Queue) -> None:
        while queue.ready and not queue.resting and not queue.deleted and not self.dead:
            consumer = queue.next_consumer()
            item = queue.pop(-MOMENT) if consumer is not None else None
            if item is None:
                return
            consumer.take(item)

    def _write(self) -> None:
        """Bring the journal's entries to the file; to the disk, if a confirm or a declaration waits for that."""
        self.env.point("routed")
        if not self.linger:
            self.flush()
        elif self._lingering is None:
            self._lingering = self.after(self.linger, self._flush_late)

    def _flush_late(self) -> None:
        with suppress(JournalFailed):  # which the confirms tell
            self.flush()

    def must_last(self) -> None:
        """What was noted is on the disk when this returns."""
        if self._changed:
            self._urgent = True
            self.flush()

    def flush(self) -> None:
        """Write and sync what is noted, and send the confirms that waited for it."""
        if self.journal is None or self.dead:
            return
        if self._lingering is not None:
            self._lingering.cancel()
            self._lingering = None
        self._changed, urgent, self._urgent = False, self._urgent, False
        waiting, self._unconfirmed = self._unconfirmed, []
        try:
            self.journal.sync() if urgent else self.journal.write()
            if self.journal.wasteful(self.stored):
                self.journal.rewrite(self.entries())
        except Exception as error:
            for later, _ in waiting:
                later.fail(error)
            raise
        self.env.point("journalled")
        for later, refusal in waiting:
            later.resolve(Confirm()) if refusal is None else later.fail(refusal)

    def after(self, delay: float, call: Callable[[], Any]) -> Timer:
        """Call `call()` then, if this life goes on."""
        return self.env.after(delay, lambda: None if self.dead else call())
