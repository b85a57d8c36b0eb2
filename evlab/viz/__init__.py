"""Pictures: one look for what the course shows, each with the same content in words.

`import evlab` does not load this package; matplotlib is loaded by `use_theme()` alone. The names are bound here and
not on demand, because `timeline`, `topology` and `compare` are functions in modules of the same name: bound
later, the name would mean the module for whoever imported that first.
"""

from __future__ import annotations

from evlab.viz.compare import compare
from evlab.viz.compatibility import compatibility
from evlab.viz.cqrs import Reader, cqrs
from evlab.viz.figure import Figure
from evlab.viz.partitions import partition_strips
from evlab.viz.lag import lag_plot
from evlab.viz.plot import Plot, plot
from evlab.viz.rebalances import rebalance_chart
from evlab.viz.steps import Step, steps
from evlab.viz.streams import stream_strips
from evlab.viz.svg import Svg
from evlab.viz.theme import ROLES, TONES, use_theme
from evlab.viz.timeline import timeline
from evlab.viz.topology import Subscriber, Topology, topology

__all__ = ["ROLES", "TONES", "Figure", "Plot", "Reader", "Step", "Subscriber", "Svg", "Topology", "compare",
           "compatibility", "cqrs", "partition_strips", "plot", "rebalance_chart", "steps", "stream_strips",
           "timeline", "topology", "use_theme"]
