"""A private PostgreSQL on loopback: a port of its own, a folder of its own, and nothing left behind.

The server's programs are enough (Debian, Ubuntu: `apt-get install postgresql`); its service need not run.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import pwd
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator

from brokers.common import LOOPBACK, DidNotStart, NotInstalled, end, exists, free_port, place, start, wait_until

__all__ = ["Server", "running"]

NAME = "evlab"
"""The role, and the database."""
USERS = "postgres", "nobody"
"""As whom the server runs if root starts it: PostgreSQL refuses to run as root."""
SETTINGS = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "unix_socket_directories": ""}
PLACES = "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin", \
    "/usr/local/opt/postgresql@*/bin", "/Applications/Postgres.app/Contents/Versions/*/bin"
"""Where Debian, Red Hat, Homebrew (on Apple's and on Intel's processors) and Postgres.app put the programs."""


@contextlib.contextmanager
def running(folder: str | os.PathLike) -> Iterator[str]:
    """Start a server whose files are in `folder`, give the address of its database `postgresql://...`, and stop it.

    In the same folder again it is the same database. Raises `NotInstalled`, `DidNotStart`.
    1. It listens on loopback alone, without a password: whoever is on this machine may use it.
    2. It is as durable as PostgreSQL is: fsync and synchronous_commit are on, its pages have checksums.
    3. Root's server runs as the user `postgres`, or `nobody`. Where that user cannot get into `folder` (a parent is
       root's alone), the files are in a temporary folder, which goes at the end.
    """
    with Server(folder) as server:
        yield server.dsn


class Server:
    """A server that can be started, stopped and killed; the port stays the same. See `running`."""

    def __init__(self, folder: str | os.PathLike):
        self.programs = _programs()
        self.user = next(filter(exists, USERS)) if os.getuid() == 0 else None
        self.folder, self._temporary = place(self.user, pathlib.Path(folder).absolute(), "postgres")
        self.data, self.log = self.folder / "data", self.folder / "server.log"
        self.port, self.settings = free_port(), dict(SETTINGS)
        self.dsn = f"postgresql://{NAME}@{LOOPBACK}:{self.port}/{NAME}"
        self.server: subprocess.Popen | None = None

    def start(self) -> None:
        """Return when the database is there. After a kill: when what was committed has been recovered."""
        if not (self.data / "PG_VERSION").exists():
            self._run("initdb", "-D", str(self.data), "-U", NAME, "--auth=trust", "--encoding=UTF8", "--locale=C",
                      "--data-checksums")
        settings = [word for pair in self.settings.items() for word in ("-c", "=".join(pair))]
        self.server = start([self._path("postgres"), "-D", str(self.data), "-h", LOOPBACK, "-p", str(self.port),
                             *settings], self.log, cwd=self.folder, **self._as_user())
        at = "-h", LOOPBACK, "-p", str(self.port), "-U", NAME
        wait_until(lambda: not subprocess.run([self._path("pg_isready"), "-q", *at, "-d", "postgres"]).returncode,
                   self.server, self.log)
        with contextlib.suppress(_AlreadyThere):
            self._run("createdb", *at, NAME)

    def stop(self) -> None:
        """Stop it in good order: SIGINT breaks off what runs, and writes everything down."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill all of its processes without a warning: what a crash of the server is. (The machine goes on: what it
        was given to write, and has not yet written, is not lost as it would be without power.)"""
        if self.server is not None:
            for pid in [self.server.pid, *self.children()]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self._end(signal.SIGKILL)

    def children(self) -> list[int]:
        """The process ids of those that the server has started: one for each connection, and its helpers."""
        return [pid for pid, parent in _parents() if self.server is not None and parent == self.server.pid]

    def _end(self, first: int) -> None:
        if self.server is not None:
            end(self.server, first=first)
        self.server = None

    def _run(self, program: str, *arguments: str) -> None:
        """Run one of the programs to its end. Raises `_AlreadyThere`, or `DidNotStart` with what it said."""
        done = subprocess.run([self._path(program), *arguments], cwd=self.folder, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, env=os.environ | {"LC_ALL": "C"}, **self._as_user())
        if done.returncode:
            if "already exists" in done.stderr:
                raise _AlreadyThere
            raise DidNotStart(f"{program} ended with exit code {done.returncode}:\n{done.stdout}{done.stderr}")

    def _path(self, program: str) -> str:
        return str(self.programs / program)

    def _as_user(self) -> dict:
        return {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []} if self.user else {}

    def __enter__(self) -> Server:
        try:
            self.start()
        except BaseException:
            self.kill()
            self._forget()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.stop()
        self._forget()

    def _forget(self) -> None:
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)


class _AlreadyThere(Exception):
    """What was to be made is there."""


def _programs() -> pathlib.Path:
    """The folder of initdb and its companions: the one in the PATH, or the newest. Raises `NotInstalled`."""
    found = [pathlib.Path(os.path.realpath(path)).parent for path in [shutil.which("initdb")] if path]
    for where in PLACES:
        found += sorted(pathlib.Path("/").glob(where[1:]), key=_version, reverse=True)
    for folder in found:
        if all((folder / name).exists() for name in ("initdb", "postgres", "pg_isready", "createdb")):
            return folder
    raise NotInstalled("PostgreSQL is not on this machine. Next step: apt-get install postgresql (macOS: brew install "
                       "postgresql@17), or set EVLAB_POSTGRES to the address of a database: postgresql://...")


def _parents() -> Iterator[tuple[int, int]]:
    """Each process of this machine and its parent: from Linux's /proc, which needs no `ps`, or from `ps`."""
    if pathlib.Path("/proc/self/stat").exists():
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # it has ended meanwhile
                yield int(path.parent.name), int(path.read_text("utf-8", "replace").rpartition(")")[2].split()[1])
    else:
        found = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
        for line in found.splitlines():
            pid, parent = line.split()
            yield int(pid), int(parent)


def _version(folder: pathlib.Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(folder))]
