"""What runs the course, not the patterns: questions, progress, saved notebooks, the `evlab` command.

A name is imported when it is first used, so `import evlab.course` costs nothing.
"""

from __future__ import annotations

import importlib

_HOME_OF = {
    "Progress": "progress",
    "check": "checking",
    "course_map": "map",
    "drill": "drills.notebook",
    "hint": "checking",
    "interview": "drills.notebook",
    "load_engines": "data",
    "load_orders": "data",
    "predict": "questions",
    "quiz": "questions",
    "reset": "checking",
    "revise": "drills.standing",
    "show": "source",
    "solution": "checking",
}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str):
    if name not in _HOME_OF:
        raise AttributeError(f"module 'evlab.course' has no attribute {name!r}")
    return getattr(importlib.import_module(f"evlab.course.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
