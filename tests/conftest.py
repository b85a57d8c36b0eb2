"""What every test stands on: no test reads or writes the files of the person who runs it.

Several processes share the tests (`pytest -n auto --dist loadfile`), one more than there are cores, because the tests
in a browser wait a lot. One process has all of these, and so one JupyterLab. The longest files start first.
"""

from __future__ import annotations

import gc
import os
import pathlib
import signal
import sys

import pytest
from hypothesis import settings

WITHOUT = str(pathlib.Path(__file__).parent / "without")
"""What this process, and each that it starts, does without."""
sys.path.insert(0, WITHOUT)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what it runs in the background like this, and every program that a test starts would inherit it:
    # tests of Ctrl-C would wait for ever.
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("evlab", deadline=None, print_blob=True)
settings.load_profile("evlab")

BROWSER, ENGINES = "tests/browser/", "tests/engines/"
LONGEST = (BROWSER, ENGINES, "tests/notebooks/test_replay.py", "tests/labs/test_labs.py", "tests/test_store_crashes.py",
           "tests/test_saga.py", "tests/log/test_recovery.py", "tests/log/test_cluster.py",
           "tests/course/test_drill_deck.py", "tests/router/test_storm.py", "tests/log/test_partition.py",
           "tests/test_projection.py", "tests/course/judge/test_judge_attacks.py")
MOST_CORES = 4


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores, MOST_CORES) + 1


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With `--dist loadfile`: a file for one process, in the order in which they stand.

    All of the browser's go to one, and all of the engines', so that there is one browser, and one server of each kind.
    """
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid):
            return next(filter(nodeid.startswith, (BROWSER, ENGINES)), None) or super()._split_scope(nodeid)

    config.option.loadscopereorder = False
    return ByFile(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """Each of several processes begins to read the tests at another file.

    To compile a file for the first time, with pytest's asserts in it, takes a tenth of a second, and a second process
    finds it compiled. Without this all of them would be at the same file, and each would compile it.
    """
    report = yield
    process = getattr(collector.config, "workerinput", None)
    if process and report.passed and isinstance(collector, pytest.Directory):
        first = len(report.result) * int(process["workerid"].removeprefix("gw")) // process["workercount"]
        report.result = report.result[first:] + report.result[:first]
    return report


def pytest_collection_modifyitems(config, items):
    """In a process of several, the longest files come first, and all processes have the same order."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: (next((n for n, start in enumerate(LONGEST) if item.nodeid.startswith(start)),
                                          len(LONGEST)), item.path))


def pytest_collection_finish(session):
    """Ten thousand tests stay until the end: Python's garbage collector need not look at them each time."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter):
    """What the tests have measured, whichever process ran them."""
    notes = [note for found in terminalreporter.stats.values() for one in found
             for note in getattr(one, "user_properties", ())]
    if lines := [text for name, text in notes if name == "measured"]:
        terminalreporter.section("measured")
        for line in dict.fromkeys(lines):
            terminalreporter.line(line)


@pytest.fixture
def measured(record_property):
    """`measured(text)`: a line of the summary at the end of the run."""
    return lambda text: record_property("measured", text)


@pytest.fixture(scope="session", autouse=True)
def nobodys_home(tmp_path_factory):
    """An empty EVLAB_HOME for the whole run, and none of the course's other variables."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", WITHOUT, prepend=os.pathsep)
        patch.setenv("EVLAB_HOME", str(tmp_path_factory.mktemp("evlab-home")))
        for name in ("EVLAB_SAVED", "EVLAB_COURSE"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def amount():
    """`amount(pr, soak)`: how many of something to try, in a test run or in `make soak`."""
    return lambda pr, soak: soak if os.environ.get("EVLAB_SOAK") == "1" else pr


@pytest.fixture(scope="session")
def chromium():
    """The path of a Chromium. Without one the test is skipped; with the variable CI set it fails."""
    path = pathlib.Path(os.environ.get("EVLAB_CHROMIUM", "/usr/bin/chromium"))
    if path.exists():
        return str(path)
    reason = f"No Chromium at {path}. Install one, or set EVLAB_CHROMIUM to its path."
    if os.environ.get("CI"):
        pytest.fail(f"{reason} CI is set, so this is a failure.", pytrace=False)
    pytest.skip(reason)
