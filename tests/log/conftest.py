"""Seeds for the storms over a cluster: a fixed few in a test run, many others in `make soak`."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

WIDTH = 40


class Seeds:
    """`count` seeds from `first` on. show: called now and then with a line that says how far the loop over them is."""

    def __init__(self, name: str, first: int, count: int, show=None):
        self.name, self.first, self.count, self.show = name, first, count, show

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[int]:
        begun = shown = time.monotonic()
        for done in range(self.count):
            yield self.first + done
            now = time.monotonic()
            if self.show is not None and (now - shown >= 1.0 or done + 1 == self.count):
                shown = now
                left = (now - begun) * (self.count - done - 1) / (done + 1)
                self.show(self.line(done + 1, left))

    def line(self, done: int, left: float) -> str:
        full = WIDTH * done // self.count
        bar = "#" * full + "." * (WIDTH - full)
        return f"\r{self.name} [{bar}] {done:,} of {self.count:,} seeds, {left:,.0f} s left "


@pytest.fixture
def storm_seeds(request, amount):
    """`storm_seeds(name, pr, soak)`: the seeds to try, from 0 on in a test run.

    In `make soak` they begin at EVLAB_FIRST_SEED (a million), are EVLAB_SEEDS many, if that is set, and have a progress
    bar: EVLAB_SEEDS=5000 make soak ARGS="tests/log/test_cluster.py tests/log/test_tills.py"
    """
    soaking = os.environ.get("EVLAB_SOAK") == "1"
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def show(line: str) -> None:
        with capture.global_and_fixture_disabled():
            print(line, end="", flush=True)

    def seeds(name: str, pr: int, soak: int) -> Seeds:
        if not soaking:
            return Seeds(name, 0, amount(pr, soak))
        first, count = os.environ.get("EVLAB_FIRST_SEED", "1000000"), os.environ.get("EVLAB_SEEDS", str(soak))
        return Seeds(name, int(first), int(count), show)

    return seeds
