"""A jail: where the judge gets the processes for answers, and where each of them ends."""

from __future__ import annotations

import contextlib
import os
import sys
import threading

from evlab.course.judge.actor import Actor, AnswerRaised
from evlab.course.judge.processes import AnswerBroke, JudgeDown, Spawned, Template, Watch
from evlab.course.judge.protocol import Unspeakable, decode_line
from evlab.errors import InvalidUse

__all__ = ["Jail"]


class Jail:
    """Starts actors, and ends every one of them. A context manager; `held` says what the cage keeps, once one ran.

    how: "fork" from a clean template (Linux), or "spawn" a fresh Python each. By default the best that is there.
    lacks: parts of the cage to leave open, "files" or "calls", as on a system that does not offer them.
    Raises `InvalidUse` for another word. One thread uses a Jail: the one that made its first actor.
    """

    def __init__(self, how: str = "", *, lacks: tuple[str, ...] = ()):
        self.how = how or os.environ.get("EVLAB_JUDGE", "") or ("fork" if sys.platform == "linux" else "spawn")
        if self.how not in ("fork", "spawn") or self.how == "fork" and sys.platform != "linux":
            raise InvalidUse(f"the judge cannot start answers by {self.how!r}",
                             next_step='set EVLAB_JUDGE to "spawn", or to "fork" on Linux, or to nothing')
        self.held: list[str] = []
        self.started = False
        """Whether any answer's process was: before that nothing is known of what holds."""
        self._lacks = lacks
        self._template: Template | None = None
        self._watch: Watch | None = None
        self._pinned: tuple[int, set[int]] | None = None
        """Which thread is pinned to one core, and where it might run before."""
        self._actors: list[Actor] = []

    def __enter__(self) -> Jail:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def actor(self, sources: list[tuple[str, str]]) -> Actor:
        """A new actor with that code: (label, source) of each cell.

        Raises `AnswerRaised` if it does not compile, and `JudgeDown` if no process can be started.
        """
        for label, source in sources:
            try:
                source.encode()
            except UnicodeEncodeError as error:
                line = source.count("\n", 0, error.start) + 1
                raise AnswerRaised("SyntaxError", "half of a surrogate pair is no character", label, line) from error
        actor = self._start()
        try:
            actor._finish(["load", [list(pair) for pair in sources]])
        except BaseException:
            actor.kill()
            raise
        return actor

    def close(self) -> None:
        """End every process that this Jail has started. It can be used again, and then begins anew."""
        for actor in self._actors:
            actor.kill()
        self._actors.clear()
        if self._template is not None:
            self._template.close()
            self._template = None
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        if self._pinned is not None:
            (thread, cores), self._pinned = self._pinned, None
            with contextlib.suppress(OSError):  # that thread may have ended
                os.sched_setaffinity(thread, cores)

    def _start(self) -> Actor:
        """An actor that is ready and knows no answer yet."""
        if self._watch is None:
            self._watch = Watch()
            self._pin()
        if self.how == "spawn":
            process = Spawned(self._watch, self._lacks)
        else:
            if self._template is not None and not self._template.alive():
                self._template.close()
                self._template = None
            if self._template is None:
                self._template = Template(self._lacks)
            process = self._template.fork(self._watch)
        actor = Actor(process)
        self._actors = [other for other in self._actors if not other.dead] + [actor]
        try:
            ready = decode_line(process.exchange(b""))
        except (AnswerBroke, Unspeakable) as error:
            actor.kill()
            raise JudgeDown("the process for your answer did not start", why=str(error),
                            next_step="try again; `evlab doctor` looks at what is missing") from error
        process.ready, self.started, self.held = True, True, [str(name) for name in ready[1:]]
        return actor

    def _pin(self) -> None:
        """Judge and answers on one core: only one of them ever works, and a message that stays there takes half the
        time (14,000 against 35,000 round trips a second). It is this thread that is pinned, until `close`."""
        with contextlib.suppress(OSError, AttributeError):
            thread, cores = threading.get_native_id(), os.sched_getaffinity(0)
            os.sched_setaffinity(thread, {sorted(cores)[os.getpid() % len(cores)]})
            self._pinned = thread, cores
