"""A private RabbitMQ node on loopback: ports of its own, a folder of its own, and nothing left behind.

The package `rabbitmq-server` of Debian is enough (`apt-get install rabbitmq-server`); its service need not run.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
from collections.abc import Iterator

from brokers.common import (
    LOOPBACK,
    DidNotStart,
    NotInstalled,
    answers,
    end,
    end_group,
    exists,
    free_port,
    place,
    start,
    wait_until,
)

__all__ = ["Node", "running"]

USER = "rabbitmq"
"""Whom the package makes. Root gives the node to it: a server that everybody here may talk to is not for root."""
BESIDE_PATH = "/usr/lib/rabbitmq/bin", "/usr/lib/rabbitmq/sbin", "/usr/sbin", "/usr/local/sbin"
"""Debian's own script comes first: the one of /usr/sbin refuses everybody but root and `rabbitmq`."""


@contextlib.contextmanager
def running(folder: str | os.PathLike) -> Iterator[str]:
    """Start a node whose files are in `folder`, give its URL `amqp://...`, and stop it at the end.

    In the same folder again it is the same node: durable queues are there. Raises `NotInstalled`, `DidNotStart`.
    Root's node runs as the user `rabbitmq`. Where that user cannot get into `folder` (a parent is root's alone), the
    files are in a temporary folder, which goes at the end.
    """
    with Node(folder) as node:
        yield node.url


class Node:
    """A node that can be started, stopped and killed; the port stays the same. See `running`."""

    def __init__(self, folder: str | os.PathLike):
        self.script = _program("rabbitmq-server", "apt-get install rabbitmq-server")
        self.epmd_program = _program("epmd", "apt-get install erlang-base")
        self.user = USER if os.getuid() == 0 and exists(USER) else None
        self.folder, self._temporary = place(self.user, pathlib.Path(folder).absolute(), "rabbitmq")
        self.port, self.url = free_port(), ""
        self.epmd: subprocess.Popen | None = None
        self.server: subprocess.Popen | None = None

    def start(self) -> None:
        """Return when it answers. Somebody may take a port between the look for it and the start: so three tries."""
        for tries_left in (2, 1, 0):
            try:
                return self._start()
            except DidNotStart:
                self.kill()
                if not tries_left:
                    raise
                if not self.url:  # once it was known, the address stays
                    self.port = free_port()

    def _start(self) -> None:
        """epmd, which finds Erlang's nodes by their names, is started first: in the foreground, or the node would start
        one that nobody ends."""
        names, distribution = free_port(), free_port()
        environment = self._environment(names, distribution)
        as_user = {"user": self.user, "group": self.user, "extra_groups": []} if self.user else {}
        self.epmd = start([self.epmd_program, "-port", str(names), "-address", LOOPBACK], self.folder / "epmd.log",
                          env=environment, cwd=self.folder, **as_user)
        wait_until(lambda: answers(names), self.epmd, self.folder / "epmd.log")
        self.server = start([self.script], self.folder / "server.log", env=environment, cwd=self.folder, **as_user)
        wait_until(lambda: answers(self.port), self.server, self.folder / "server.log", seconds=120)
        self.url = f"amqp://guest:guest@{LOOPBACK}:{self.port}/"

    def stop(self) -> None:
        """Stop it in good order, or kill it if that takes too long."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """The end without a warning: what a crash of the process is."""
        self._end(signal.SIGKILL)

    def _end(self, first: int) -> None:
        for process, number in ((self.server, first), (self.epmd, signal.SIGTERM)):
            if process is not None:
                end(process, first=number)
                end_group(process.pid)  # helpers of the node, if any is left
        self.server = self.epmd = None

    def _environment(self, names: int, distribution: int) -> dict[str, str]:
        config = self.folder / "rabbitmq.conf"
        config.write_text(f"listeners.tcp.1 = {LOOPBACK}:{self.port}\nlog.console = false\n")
        plugins = self.folder / "enabled_plugins"
        plugins.write_text("[].\n")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("RABBITMQ_", "ERL_"))}
        return kept | {
            "HOME": str(self.folder),  # where Erlang keeps the cookie
            "PATH": os.pathsep.join([os.environ.get("PATH", os.defpath), *BESIDE_PATH]),
            "RABBITMQ_NODENAME": "evlab@localhost",  # known to its own epmd only
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_CONFIG_FILE": str(config.with_suffix("")),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(plugins),
            "RABBITMQ_CONF_ENV_FILE": os.devnull,
            "RABBITMQ_DIST_PORT": str(distribution),
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            "ERL_EPMD_ADDRESS": LOOPBACK, "ERL_EPMD_PORT": str(names),
            "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the server, so its process id is the server's
        }

    def __enter__(self) -> Node:
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        try:
            self.stop()
        finally:
            if self._temporary:
                shutil.rmtree(self.folder, ignore_errors=True)


def _program(name: str, cure: str) -> str:
    """Where a program is. Raises `NotInstalled`."""
    for path in (os.pathsep.join(BESIDE_PATH), None):
        if found := shutil.which(name, path=path):
            return found
    raise NotInstalled(f"{name} is not on this machine. Next step: {cure}, or set EVLAB_RABBITMQ to the URL of a "
                       "server")
