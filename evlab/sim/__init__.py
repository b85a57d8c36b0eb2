"""The simulator: a world on a virtual clock and a seed, its faults, and the judges of its history.

Read world.py first; it is the loop. messages.py and lives.py are the rest of the World, network.py, disk.py and
faults.py what it can do to you. history.py is what it remembers, checkers.py names what went wrong, search.py finds the
seed and the fewest faults, story.py the entries that tell it.
"""
from evlab.sim.checkers import Anomaly, check
from evlab.sim.faults import Fault, Faults, Plan
from evlab.sim.history import History
from evlab.sim.search import Failure, search, shrink, sweep
from evlab.sim.world import World

__all__ = ["Anomaly", "Failure", "Fault", "Faults", "History", "Plan", "World", "check", "search", "shrink", "sweep"]
