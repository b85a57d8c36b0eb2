"""What starting a server takes: a free port, patience until it answers, and an end by its process id."""

from __future__ import annotations

import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable

__all__ = ["LOOPBACK", "DidNotStart", "NotInstalled", "answers", "end", "end_group", "exists", "free_port", "place",
           "start", "wait_until"]

LOOPBACK = "127.0.0.1"


class NotInstalled(Exception):
    """A program that the server needs is not there. Its text says which, and how to get it."""


class DidNotStart(Exception):
    """The server ended, or did not answer in time. Its text ends with the last lines of its log."""


def free_port() -> int:
    """A port of the loopback that nobody listens on now. Somebody else may take it before the server does."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


def answers(port: int) -> bool:
    """Whether something accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def exists(user: str) -> bool:
    """Whether the machine knows a user of that name."""
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def place(user: str | None, folder: pathlib.Path, kind: str) -> tuple[pathlib.Path, bool]:
    """Where the files of a server are that runs as `user`, and whether that is a temporary folder.

    A user who cannot get into `folder`, as a parent of it is somebody else's alone, gets a temporary one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if user is None:
        return folder, False
    temporary = not all(parent.stat().st_mode & stat.S_IXOTH for parent in folder.parents)
    if temporary:
        folder = pathlib.Path(tempfile.mkdtemp(prefix=f"evlab-{kind}-"))
    shutil.chown(folder, user, pwd.getpwnam(user).pw_gid)
    return folder, temporary


def start(command: list[str], log: pathlib.Path, **more) -> subprocess.Popen:
    """Start a server in a process group of its own; what it prints goes to `log`. `more` is for `Popen`."""
    with log.open("ab") as out:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
                                **more)


def wait_until(ready: Callable[[], bool], server: subprocess.Popen, log: pathlib.Path, seconds: float = 60) -> None:
    """Return when `ready()`; raise `DidNotStart` when the server has ended or the time is over."""
    end_of_patience = time.monotonic() + seconds
    while not ready():
        if server.poll() is not None:
            raise DidNotStart(f"it ended with exit code {server.returncode}:\n{_tail(log)}")
        if time.monotonic() > end_of_patience:
            raise DidNotStart(f"it did not answer within {seconds} s:\n{_tail(log)}")
        time.sleep(0.05)


def end(server: subprocess.Popen, seconds: float = 20, first: int = signal.SIGTERM) -> None:
    """Ask the server to stop, and kill its group if it has not by then."""
    for number in (first, signal.SIGKILL):
        if server.poll() is None:
            os.killpg(server.pid, number)
            try:
                server.wait(seconds)
            except subprocess.TimeoutExpired:
                continue
    server.wait()


def end_group(group: int, seconds: float = 5) -> None:
    """Kill what is left of a process group, and return when nothing is: a killed process lives on for a moment."""
    until = time.monotonic() + seconds
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < until:
            os.killpg(group, signal.SIGKILL)
            time.sleep(0.01)


def _tail(log: pathlib.Path, lines: int = 15) -> str:
    text = log.read_text("utf-8", "replace") if log.exists() else ""
    return "\n".join(text.splitlines()[-lines:])
