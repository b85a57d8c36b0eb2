"""Start real servers for the course and keep them up: `python -m brokers`, or `python -m brokers rabbitmq kafka`.

Their data lives in a new folder, which is removed at the end. Each line that is printed can be pasted into a shell:
what runs there then finds the server. Exit code 2: a name is wrong, or nothing could be started.
"""

from __future__ import annotations

import contextlib
import importlib
import pathlib
import signal
import sys
import tempfile
import threading

from brokers.common import DidNotStart, NotInstalled

KINDS = ("kafka", "rabbitmq", "postgres")


def main(wanted: list[str]) -> int:
    """Start what is wanted (all, by default), wait for Ctrl-C or SIGTERM, and stop it again."""
    if unknown := [name for name in wanted if name not in KINDS]:
        print(f"evlab: there is no server {unknown[0]!r} here; choose from {', '.join(KINDS)}", file=sys.stderr)
        return 2
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    with tempfile.TemporaryDirectory(prefix="evlab-brokers-") as home, contextlib.ExitStack() as running:
        started = [kind for kind in wanted or KINDS if not over.is_set() and _start(kind, pathlib.Path(home), running)]
        if not started:
            return 2
        print("Ctrl-C stops them; their data goes with them.", flush=True)
        over.wait()
        print(f"stopping {', '.join(started)}", flush=True)
    return 0


def _start(kind: str, home: pathlib.Path, running: contextlib.ExitStack) -> bool:
    """Start one server, and print its address or why there is none."""
    folder = home / kind
    folder.mkdir()
    print(f"# starting {kind} ...", flush=True)
    try:
        address = running.enter_context(importlib.import_module(f"brokers.{kind}").running(folder))
    except (NotInstalled, DidNotStart) as problem:
        print(f"# {kind} is not there: {problem}", flush=True)
        return False
    print(f"export EVLAB_{kind.upper()}={address}", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
