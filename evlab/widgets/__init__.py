"""Playgrounds: simulations that a learner steers with buttons and sliders, drawn in the notebook.

A name is imported when it is first used, so `import evlab.widgets` needs neither anywidget nor ipywidgets.
"""

from __future__ import annotations

import importlib

_HOME_OF = {
    "BusPlayground": "bus",
    "Button": "view",
    "CompatibilityMatrix": "compatibility",
    "EventStorming": "board",
    "Flight": "view",
    "ForeignRun": "base",
    "Lag": "lag",
    "Note": "view",
    "Partitions": "partitions",
    "Playground": "base",
    "RouterPlayground": "router",
    "RunDiffers": "base",
    "SagaStepper": "saga",
    "Select": "view",
    "Slider": "view",
    "Spot": "view",
    "Staleness": "staleness",
    "Table": "view",
    "Text": "view",
    "TimeTravel": "time_travel",
    "Toggle": "view",
}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str):
    if name not in _HOME_OF:
        raise AttributeError(f"module 'evlab.widgets' has no attribute {name!r}")
    return getattr(importlib.import_module(f"evlab.widgets.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME_OF})
