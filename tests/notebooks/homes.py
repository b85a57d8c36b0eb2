"""The conftest.py of a replay: each notebook has a folder, and there a home and settings of its own."""

from __future__ import annotations

import os

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Before the first cell, whose setup starts the kernel."""
    os.environ["EVLAB_HOME"] = str(item.path.parent / "home")
    os.environ["IPYTHONDIR"] = str(item.path.parent / "ipython")
