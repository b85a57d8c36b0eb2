"""Every promise of docs/promises.md is named by a test."""

from __future__ import annotations

import ast
import functools
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parent.parent
ROWS = re.findall(r"^\| *([^|]*?) *\|", (ROOT / "docs" / "promises.md").read_text("utf-8"), re.MULTILINE)[2:]
PROMISES = [row for row in ROWS if re.fullmatch(r"[A-Z]+-\d+", row)]


@functools.cache
def named_by_tests() -> set[str]:
    """The ids in the docstrings of test functions and test modules."""
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        if path.name == pathlib.Path(__file__).name:
            continue
        tree = ast.parse(path.read_text("utf-8"))
        tests = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test")]
        for node in [tree, *tests]:
            if tests:
                found |= set(re.findall(r"\b[A-Z]+-\d+\b", ast.get_docstring(node) or ""))
    return found


def test_there_are_promises():
    assert len(PROMISES) == len(set(PROMISES)) >= 7
    assert ROWS == PROMISES, "a row of docs/promises.md begins with its id, such as INBOX-1"


@pytest.mark.parametrize("promise", PROMISES)
def test_a_test_names_the_promise(promise):
    assert promise in named_by_tests(), f"no test under tests/ has {promise} in its docstring"


def test_no_test_names_a_promise_that_nobody_made():
    """A typing mistake in an id would be a promise without its test, or a test without its promise."""
    families = {promise.partition("-")[0] for promise in PROMISES}
    unknown = {id for id in named_by_tests() - set(PROMISES) if id.partition("-")[0] in families}
    assert not unknown, f"docs/promises.md has no {', '.join(sorted(unknown))}: write its row, or mend the id"
