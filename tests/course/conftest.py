"""What is remembered while a notebook is saved belongs to one process: here, to one test."""

from __future__ import annotations

import pytest

from evlab.course import facts


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch):
    monkeypatch.setattr(facts, "_shared", {})
