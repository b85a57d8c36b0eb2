"""The processes that answers run in, seen from the judge: how they start, how a line comes from them, how they end.

Three things must hold whatever an answer does. The judge never waits without end: a watch ends a process that computes
or keeps silent too long. Nothing is left behind: no process, no descriptor, no zombie. And what cannot start is the
judge's trouble, never the answer's fault.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import msgspec

import evlab
from evlab.course.judge.protocol import LONGEST_LINE
from evlab.errors import EvlabError

__all__ = ["AnswerBroke", "Forked", "HistoryOver", "JudgeDown", "Process", "Spawned", "Template", "Watch"]

CALL_SECONDS = 1.0
"""CPU time that one call may take until it calls the judge or returns."""
HISTORY_SECONDS = 10.0
"""CPU time that an answer may take in one history."""
PATIENCE = 20.0
"""Seconds on the wall that the judge waits for an answer, in one call or in one history, whatever its CPU did."""
LOOK = 0.2
"""Seconds between two looks of the watch."""
SLOWEST = 5.0
"""Where nobody tells a process's CPU time, so many seconds on the wall count as one: the machine may be busy."""
LONGEST_START = 60.0
"""Seconds that the template has for its start, or for any answer."""
MOST_BYTES = 10_000_000
"""Bytes that an answer may send in one history: the judge keeps what it hears."""


class HistoryOver(Exception):
    """Ends the history in which it is raised. It passes by the answer, whose `except` would swallow it."""


class AnswerBroke(HistoryOver):
    """The answer's process is of no use any more. `how`: stuck, asks, died, flood or nonsense."""

    def __init__(self, how: str, text: str):
        self.how = how
        super().__init__(text)


class JudgeDown(EvlabError):
    """The judge cannot start a process for an answer. No answer is to blame for it."""


class Watch:
    """Ends a process that keeps the judge waiting: a thread that looks five times a second at who is waited for."""

    def __init__(self):
        self.waiting: Process | None = None
        self.turn = 0
        """Counts the waits, so that two waits for one process are told apart."""
        self.ending = threading.Lock()
        """Held while a process is ended, so that its number cannot pass to a stranger in between."""
        self._closed = threading.Event()
        threading.Thread(target=self._look, name="evlab judge", daemon=True).start()

    def close(self) -> None:
        self._closed.set()

    def _look(self) -> None:
        seen, since, used = (None, 0), 0.0, 0.0
        while not self._closed.wait(LOOK):
            process, turn = self.waiting, self.turn
            if process is None:
                continue
            now, spent = time.monotonic(), process.used()
            if (process, turn) != seen:
                seen, since, used = (process, turn), now, spent
            process.waited += LOOK
            computes = process.ready and (spent - used > CALL_SECONDS or spent - process.before > HISTORY_SECONDS)
            if computes or now - since > PATIENCE or process.waited > PATIENCE:
                with self.ending:
                    if (self.waiting, self.turn) == seen:
                        process.stuck = True
                        process.end()


class Process:
    """A line to a process and a line from it, in turn, over two descriptors."""

    def __init__(self, pid: int, read: int, write: int, watch: Watch):
        self.pid, self._read, self._write, self._watch = pid, read, write, watch
        self._rest, self._began = b"", time.monotonic()
        self.ready = self.stuck = False
        self.before = self.waited = 0.0
        """In this history: the CPU time at its begin, and the seconds that the watch saw the judge wait."""
        self._heard = 0

    def begin_history(self) -> None:
        """What is counted by history begins again."""
        self.before, self.waited, self._heard = self.used(), 0.0, 0

    def exchange(self, line: bytes) -> bytes:
        """Send a line (none if it is empty), and the next line that comes back.

        Raises `AnswerBroke`. The watch looks on all the time: a process that does not read blocks a write for ever.
        """
        if self._rest:
            raise AnswerBroke("nonsense", "it spoke out of turn")
        watch = self._watch
        watch.turn += 1
        watch.waiting = self
        try:
            while line:
                line = line[os.write(self._write, line):]
            data = os.read(self._read, 65536)
            if not data.endswith(b"\n") or data.count(b"\n") != 1:
                data = self._more(data)
        except OSError:
            data = b""
        finally:
            watch.waiting = None
        if not data:
            raise AnswerBroke("stuck", "it computes and does not end") if self.stuck else AnswerBroke(
                "died", "its process ended in the middle of a call")
        self._heard += len(data)
        if self._heard > MOST_BYTES:
            raise AnswerBroke("flood", f"it has sent more than {MOST_BYTES:,} bytes in one history")
        return data

    def _more(self, data: bytes) -> bytes:
        """The line that begins with `data`; what came behind it is kept. Empty if the process ended."""
        parts, size = [data], len(data)
        while data and b"\n" not in data:
            data = os.read(self._read, 65536)
            parts.append(data)
            size += len(data)
            if size > LONGEST_LINE:
                raise AnswerBroke("flood", f"it sends more than {LONGEST_LINE:,} bytes at once")
        line, end, self._rest = b"".join(parts).partition(b"\n")
        return line + end if end else b""

    def used(self) -> float:
        """CPU seconds of the process so far."""
        if sys.platform == "linux":
            try:
                return time.clock_gettime(~self.pid << 3 | 2)  # its CPU clock: MAKE_PROCESS_CPUCLOCK, CPUCLOCK_SCHED
            except OSError:
                return 0.0  # it has ended
        return (time.monotonic() - self._began) / SLOWEST

    def end(self) -> None:
        """Kill it, and its whole group if it leads one; whoever waits for it hears its pipe close."""
        end(self.pid)

    def reap(self) -> None:
        """Wait for its end, so that no zombie stays."""

    def kill(self) -> None:
        """End it and leave nothing of it behind."""
        with self._watch.ending:
            self.end()
            self.reap()
        for descriptor in (self._read, self._write):
            with contextlib.suppress(OSError):
                os.close(descriptor)


class Forked(Process):
    """A child of the template."""

    def __init__(self, pid: int, read: int, write: int, watch: Watch, template: Template):
        super().__init__(pid, read, write, watch)
        self._template = template

    def end(self) -> None:
        if self._template.alive():  # if not, it is gone with the template, and its number may be a stranger's
            super().end()

    def reap(self) -> None:
        self._template.reap(self.pid)


class Spawned(Process):
    """A fresh Python. For systems without fork: slower, with the same conversation."""

    def __init__(self, watch: Watch, lacks: tuple[str, ...]):
        self._process = _start("spawned", lacks, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with self._process.stdin as stdin, self._process.stdout as stdout:
            super().__init__(self._process.pid, os.dup(stdout.fileno()), os.dup(stdin.fileno()), watch)

    def end(self) -> None:
        super().end()
        self._process.kill()

    def reap(self) -> None:
        self._process.wait()


class Template:
    """A clean Python that has imported what answers use, and forks actors: 2 ms each, where a fresh Python takes 50.

    It ends when the judge does, and its children with it. A conversation with it that was broken off (Ctrl-C) ends it
    too: then nobody could tell which of its answers belongs to which question.
    """

    def __init__(self, lacks: tuple[str, ...]):
        self._link, theirs = socket.socketpair()
        self._link.settimeout(LONGEST_START)
        try:
            with theirs:
                self._process = _start("template", lacks, stdin=theirs, stdout=subprocess.DEVNULL)
        except BaseException:
            self._link.close()
            raise
        self._ask(lambda: None, b"ready")

    def alive(self) -> bool:
        return self._process.poll() is None

    def fork(self, watch: Watch) -> Forked:
        """A new process. Raises `JudgeDown`."""
        ends: list[int] = []
        try:
            ends += os.pipe()  # a pipe is twice as fast as a socket
            ends += os.pipe()
            their_read, write, read, their_write = ends
            pid = int(self._ask(lambda: socket.send_fds(self._link, [b"f"], [their_read, their_write])))
        except BaseException as error:
            for descriptor in ends:
                os.close(descriptor)
            if isinstance(error, OSError):
                raise _down(error) from error
            raise
        os.close(their_read)
        os.close(their_write)
        return Forked(pid, read, write, watch, self)

    def reap(self, pid: int) -> None:
        """Wait until that child has ended. A template that is gone has taken its children with it."""
        with contextlib.suppress(JudgeDown):
            self._ask(lambda: self._link.sendall(b"%d" % pid), b"reaped")

    def close(self) -> None:
        self._link.close()
        if self.alive():
            end(self._process.pid)
            self._process.wait()

    def _ask(self, send, expected: bytes = b"") -> bytes:
        """Say something to the template, and its line of an answer."""
        try:
            send()
            line = b""
            while not line.endswith(b"\n"):
                more = self._link.recv(64)
                if not more:
                    raise OSError("it has ended")
                line += more
            if expected and line.strip() != expected:
                raise OSError(f"it said {line!r}")
            return line
        except BaseException as error:
            self.close()
            if isinstance(error, OSError):
                raise _down(error) from error
            raise


def end(pid: int) -> None:
    """Kill a process and its whole group, if it leads one."""
    with contextlib.suppress(ProcessLookupError, PermissionError, AttributeError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))


def _start(role: str, lacks: tuple[str, ...], **pipes) -> subprocess.Popen:
    """A clean Python in that role: without site, without the environment, and without the learner's folder."""
    folders = [os.path.dirname(os.path.dirname(os.path.abspath(module.__file__))) for module in (evlab, msgspec)]
    code = f"import sys; sys.path += {folders!r}; from evlab.course.judge import child; child.main({[role, *lacks]!r})"
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH") if name in os.environ}
    try:
        return subprocess.Popen(
            [sys.executable, "-S", "-P", "-c", code], bufsize=0, stderr=subprocess.DEVNULL, start_new_session=True,
            env=kept | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUTF8": "1"}, **pipes)
    except OSError as error:
        raise _down(error) from error


def _down(error: OSError) -> JudgeDown:
    return JudgeDown("the judge could not start a process for your answer", why=str(error),
                     next_step="close other programs and try again; `evlab doctor` looks at the rest")
