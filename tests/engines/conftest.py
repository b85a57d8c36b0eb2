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
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # a run that is killed stops its servers, too
    with contextlib.ExitStack() as stack:
        try:
            running = importlib.import_module(f"brokers.{kind}").running(tmp_path_factory.mktemp(kind))
            address = stack.enter_context(running)
        except NotInstalled as missing:
            (pytest.fail if MUST else pytest.skip)(f"{kind} is not tested: {missing}")
        yield address


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory):
    """The URL of a RabbitMQ: `amqp://...`."""
    yield from _server("rabbitmq", tmp_path_factory)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """The DSN of a PostgreSQL database: `postgresql://...`."""
    yield from _server("postgres", tmp_path_factory)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory):
    """The bootstrap address of a Kafka broker: `127.0.0.1:PORT`."""
    yield from _server("kafka", tmp_path_factory)
