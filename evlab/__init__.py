"""evlab: event-driven architecture in one process, on a virtual clock and a seed.

The names that the course uses most are here; each is imported from its module when it is first asked for, so that
`import evlab` takes no time.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from evlab.bus import Bus as Bus
    from evlab.bus import DeadLetter as DeadLetter
    from evlab.bus import Retry as Retry
    from evlab.database import Database as Database
    from evlab.decider import CommandHandler as CommandHandler
    from evlab.decider import Decider as Decider
    from evlab.decider import Rejected as Rejected
    from evlab.env import Later as Later
    from evlab.env import Real as Real
    from evlab.env import Signal as Signal
    from evlab.env import run as run
    from evlab.errors import EvlabError as EvlabError
    from evlab.errors import Timeout as Timeout
    from evlab.errors import WrongExpectedVersion as WrongExpectedVersion
    from evlab.event import Event as Event
    from evlab.patterns import topic_matches as topic_matches
    from evlab.projection import Projection as Projection
    from evlab.projection import Projector as Projector
    from evlab.projection import Reactor as Reactor
    from evlab.schema import SchemaRegistry as SchemaRegistry
    from evlab.schema import Upcasters as Upcasters
    from evlab.sim import Fault as Fault
    from evlab.sim import Faults as Faults
    from evlab.sim import Plan as Plan
    from evlab.sim import World as World
    from evlab.sim import check as check
    from evlab.sim import search as search
    from evlab.sim import shrink as shrink
    from evlab.sim import sweep as sweep
    from evlab.store import ANY as ANY
    from evlab.store import NO_STREAM as NO_STREAM
    from evlab.store import STREAM_EXISTS as STREAM_EXISTS
    from evlab.store import EventStore as EventStore
    from evlab.testing import given as given

_HOME = {
    "evlab.bus": ("Bus", "DeadLetter", "Retry"),
    "evlab.database": ("Database",),
    "evlab.decider": ("CommandHandler", "Decider", "Rejected"),
    "evlab.env": ("Later", "Real", "Signal", "run"),
    "evlab.errors": ("EvlabError", "Timeout", "WrongExpectedVersion"),
    "evlab.event": ("Event",),
    "evlab.patterns": ("topic_matches",),
    "evlab.projection": ("Projection", "Projector", "Reactor"),
    "evlab.schema": ("SchemaRegistry", "Upcasters"),
    "evlab.sim": ("Fault", "Faults", "Plan", "World", "check", "search", "shrink", "sweep"),
    "evlab.store": ("ANY", "NO_STREAM", "STREAM_EXISTS", "EventStore"),
    "evlab.testing": ("given",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str):
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module 'evlab' has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(module), name)
    return value


def __dir__() -> list[str]:
    return __all__
