"""What a program waits for: an outcome that comes later, something that happens again and again, a call that is due."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from evlab.errors import InvalidUse

__all__ = ["Dead", "Later", "Signal", "Timer"]


class Dead(BaseException):
    """Raised inside code whose node has crashed. A BaseException, so that `except Exception` cannot survive it."""


class Later:
    """The outcome of a call that may need time: open at first, then done with a value or failed with an error.

    1. It settles once; a second `resolve` or `fail` is ignored, as a late answer is.
    2. `value` raises the error if it failed, and `InvalidUse` if it is still open.
    3. A process waits for it with `yield later`; a callback is told with `later.then(call)`.
    """

    __slots__ = ("_calls", "_error", "_settled", "_value")

    def __init__(self):
        self._settled = False
        self._value = self._error = None
        self._calls: list[Callable[[Later], None]] = []

    @classmethod
    def of(cls, value=None) -> Later:
        """A Later that is already done: what a call returns when all was local."""
        later = cls()
        later._settled, later._value = True, value
        return later

    @property
    def done(self) -> bool:
        return self._settled

    @property
    def error(self) -> BaseException | None:
        return self._error

    @property
    def value(self):
        if not self._settled:
            raise InvalidUse("this Later is still open", why="its answer has not arrived",
                             next_step="write `value = yield later` in a process, or call world.run() first")
        if self._error is not None:
            raise self._error
        return self._value

    def resolve(self, value=None) -> None:
        self._settle(value, None)

    def fail(self, error: BaseException) -> None:
        self._settle(None, error)

    def then(self, call: Callable[[Later], None]) -> Later:
        """Call `call(self)` when settled: at once if it is settled already."""
        if self._settled:
            call(self)
        else:
            self._calls.append(call)
        return self

    def _settle(self, value, error) -> None:
        if self._settled:
            return
        self._settled, self._value, self._error = True, value, error
        calls, self._calls = self._calls, []
        for call in calls:
            call(self)

    def __repr__(self) -> str:
        if not self._settled:
            return "Later(open)"
        return f"Later(failed: {self._error})" if self._error is not None else f"Later(done: {self._value!r})"


class Signal:
    """Something that happens again and again: `yield signal` waits for the next time it fires.

    Between a look ("is there anything for me?") and the `yield` no other process runs, so no firing is missed.
    """

    __slots__ = ("_waiting",)

    def __init__(self):
        self._waiting: list[Later] = []

    def fire(self, value=None) -> None:
        waiting, self._waiting = self._waiting, []
        for later in waiting:
            later.resolve(value)

    def next(self) -> Later:
        """A Later for the next firing."""
        later = Later()
        self._waiting.append(later)
        return later


class Timer:
    """A call that is due later. `cancel()` makes it never happen; cancelling twice, or too late, does nothing."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[], Any]):
        self.call: Callable[[], Any] | None = call

    def cancel(self) -> None:
        self.call = None
