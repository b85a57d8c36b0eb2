"""A private Kafka on loopback: one node (broker and controller in one), a folder of its own, nothing left behind.

Java 17 and Maven are enough (`apt-get install openjdk-17-jre-headless maven`). Kafka's jars, 45 MB, come from Maven's
repository (kafka.pom.xml) and stay in the environment's folder; kafka.lock says which they are.
"""

from __future__ import annotations

import base64
import contextlib
import os
import pathlib
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator

from brokers.common import LOOPBACK, DidNotStart, NotInstalled, answers, end, free_port, start, wait_until

__all__ = ["Node", "running"]

POM, LOCK = (pathlib.Path(__file__).with_name(name) for name in ("kafka.pom.xml", "kafka.lock"))
JAVA = "-Xms64m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"
"""A small heap, and no time spent on what pays off after hours only."""
OR_ELSE = "or set EVLAB_KAFKA to the address of a server: host:port"
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.bootstrap.servers={loopback}:{controller}
listeners=PLAINTEXT://{loopback}:{port},CONTROLLER://{loopback}:{controller}
advertised.listeners=PLAINTEXT://{loopback}:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
group.consumer.min.heartbeat.interval.ms=500
group.consumer.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
log.cleaner.dedupe.buffer.size=8388608
num.network.threads=1
num.io.threads=2
"""
"""One node, so one copy of all; no 50 partitions for the offsets of a few groups; and groups that share out at once: by
Kafka's own numbers a first member waits 3 s for others, and one of the newer protocol asks every 5 s."""


@contextlib.contextmanager
def running(folder: str | os.PathLike) -> Iterator[str]:
    """Start a node whose files are in `folder`, give its address `127.0.0.1:PORT`, and stop it at the end.

    In the same folder again it is the same node: topics and offsets are there. Raises `NotInstalled`, `DidNotStart`.
    It is as durable as Kafka is with one copy: a record that is acked survives the end of the process, and not the end
    of the power.
    """
    with Node(folder) as node:
        yield node.address


class Node:
    """A node that can be started, stopped and killed; the ports stay the same. See `running`."""

    def __init__(self, folder: str | os.PathLike):
        self.java = _program("java", "apt-get install openjdk-17-jre-headless")
        self.jars = _jars()
        self.folder = pathlib.Path(folder).absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data, self.log = self.folder / "data", self.folder / "server.log"
        self.port, controller = free_port(), free_port()
        self.address = f"{LOOPBACK}:{self.port}"
        self.properties = self.folder / "server.properties"
        self.properties.write_text(PROPERTIES.format(
            loopback=LOOPBACK, port=self.port, controller=controller, data=self.data), "utf-8")
        self.server: subprocess.Popen | None = None

    def start(self) -> None:
        """Return when it answers. After a kill: when it has looked through what it had not closed."""
        if not (self.data / "meta.properties").exists():
            name = base64.urlsafe_b64encode(b"evlab" + secrets.token_bytes(11)).decode().rstrip("=")
            self._run("kafka.tools.StorageTool", "format", "--standalone", "-t", name, "-c", str(self.properties))
        self.server = start(self._command("kafka.Kafka", str(self.properties)), self.log, cwd=self.folder)
        wait_until(lambda: answers(self.port), self.server, self.log, seconds=120)

    def stop(self) -> None:
        """Stop it in good order, or kill it if that takes too long."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """The end without a warning: what a crash of the process is. (The machine goes on: what the process has handed
        to the system is not lost, as it would be without power.)"""
        self._end(signal.SIGKILL)

    def _end(self, first: int) -> None:
        if self.server is not None:
            end(self.server, first=first)
        self.server = None

    def _command(self, *what: str) -> list[str]:
        return [self.java, *JAVA, "-cp", f"{self.jars}/*", *what]

    def _run(self, *what: str) -> None:
        done = subprocess.run(self._command(*what), cwd=self.folder, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=120)
        if done.returncode:
            raise DidNotStart(f"{what[0]} ended with exit code {done.returncode}:\n{done.stdout}{done.stderr}")

    def __enter__(self) -> Node:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.stop()


def _program(name: str, cure: str) -> str:
    """Where a program is. Raises `NotInstalled`."""
    found = shutil.which(name)
    if found is None:
        raise NotInstalled(f"{name} is not on this machine. Next step: {cure}, {OR_ELSE}")
    return found


def _jars() -> pathlib.Path:
    """The folder of the jars: fetched when first needed, complete or not there. Raises `NotInstalled`."""
    folder = pathlib.Path(sys.prefix) / "kafka-broker"
    wanted, mark = POM.read_bytes() + LOCK.read_bytes(), folder / ".done"
    if mark.exists() and mark.read_bytes() == wanted:
        return folder
    fresh = folder.with_name(f"kafka-broker.{os.getpid()}")
    try:
        _fetch(fresh)
        (fresh / ".done").write_bytes(wanted)
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # somebody else was first, with the same
            fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return folder


def _fetch(folder: pathlib.Path) -> None:
    maven = _program("mvn", "apt-get install maven")
    command = [maven, "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", "-DincludeScope=runtime",
               f"-DoutputDirectory={folder}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=600)
    except subprocess.TimeoutExpired as error:
        raise NotInstalled(f"Maven did not fetch Kafka in 600 s. Next step: try again, {OR_ELSE}") from error
    if done.returncode:
        raise NotInstalled(f"Maven cannot fetch Kafka:\n{done.stdout[-500:]}{done.stderr[-500:]}\n"
                           f"Next step: look at the network and at Maven's settings, {OR_ELSE}")
    found, locked = sorted(jar.stem for jar in folder.glob("*.jar")), LOCK.read_text("utf-8").split()
    if found != locked:
        raise NotInstalled(f"Maven fetched other jars than kafka.lock names: {sorted({*found} ^ {*locked})}. "
                           f"Next step: if that is what you want, write the new names there, {OR_ELSE}")
