"""One server of each kind for the whole run: the one whose address is set, or one that the tests start and stop."""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys

import pytest

from brokers.common import NotInstalled

MUST = os.environ.get("EVLAB_NEEDS_ENGINES") == "1"
"""Set where a test that cannot run is a failure: in CI."""


def _server(kind: str, tmp_path_factory):
    """The address in EVLAB_KAFKA (or _RABBITMQ, _POSTGRES), or of a server in a folder of its own."""
    address = os.environ.get(f"EVLAB_{kind.upper()}")
    if address:
        yield address
        return
    yield from _private(kind, tmp_path_factory, "running")


def _private(kind: str, tmp_path_factory, start: str):
    """What `brokers.KIND.START(folder)` gives while it is entered."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # a run that is killed stops its servers, too
    with contextlib.ExitStack() as stack:
        try:
            starting = getattr(importlib.import_module(f"brokers.{kind}"), start)(tmp_path_factory.mktemp(kind))
            started = stack.enter_context(starting)
        except NotInstalled as missing:
            (pytest.fail if MUST else pytest.skip)(f"{kind} is not tested: {missing}")
        yield started


@pytest.fixture(scope="session")
def rabbitmq_server(tmp_path_factory):
    yield from _private("rabbitmq", tmp_path_factory, "Node")


@pytest.fixture
def rabbitmq_node(rabbitmq_server):
    """A RabbitMQ of the tests' own, running: they may freeze, kill and stop it."""
    if rabbitmq_server.server is None:
        rabbitmq_server.start()
    return rabbitmq_server


@pytest.fixture
def rabbitmq(request):
    """The URL of a RabbitMQ: `amqp://...`. That node again if none is set, as a start takes seconds."""
    return os.environ.get("EVLAB_RABBITMQ") or request.getfixturevalue("rabbitmq_node").url


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """The DSN of a PostgreSQL database: `postgresql://...`."""
    yield from _server("postgres", tmp_path_factory)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    """The bootstrap address of a Kafka broker: `127.0.0.1:PORT`."""
    yield from _server("kafka", tmp_path_factory)
