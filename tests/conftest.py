"""What every test stands on: no test reads or writes the files of the person who runs it."""

from __future__ import annotations

import os
import pathlib

import pytest
from hypothesis import settings

settings.register_profile("evlab", deadline=None, print_blob=True)
settings.load_profile("evlab")


@pytest.fixture(scope="session", autouse=True)
def nobodys_home(tmp_path_factory):
    """An empty EVLAB_HOME for the whole run, and none of the course's other variables."""
    with pytest.MonkeyPatch.context() as patch:
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
