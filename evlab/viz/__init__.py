"""Pictures: one look for what the course shows, each with the same content in words.

`import evlab` does not load this package; matplotlib is loaded by `use_theme()` alone. The names are bound here and
not on demand, because `timeline`, `topology` and `compare` are functions in modules of the same name: bound
later, the name would mean the module for whoever imported that first.
"""

from __future__ import annotations

from evlab.viz.batches import batch_bytes, record_bytes
from evlab.viz.board import wall
from evlab.viz.compaction import Strip, compaction, strip_of
from evlab.viz.compare import compare
from evlab.viz.compatibility import compatibility
from evlab.viz.cqrs import Reader, cqrs
from evlab.viz.crashtable import crash_table
from evlab.viz.figure import Figure
from evlab.viz.lag import lag_plot
from evlab.viz.partitions import partition_strips
from evlab.viz.plot import Plot, plot
from evlab.viz.rebalances import rebalance_chart
from evlab.viz.replicas import replica_logs, replicas
from evlab.viz.saga import FlowStep, saga_flow, trace_tree
from evlab.viz.segments import look_up, retention
from evlab.viz.steps import Step, steps
from evlab.viz.streams import stream_strips
from evlab.viz.svg import Svg
from evlab.viz.theme import ROLES, TONES, use_theme
from evlab.viz.timeline import timeline
from evlab.viz.topology import Subscriber, Topology, topology

__all__ = ["ROLES", "TONES", "Figure", "FlowStep", "Plot", "Reader", "Step", "Strip", "Subscriber", "Svg", "Topology",
           "batch_bytes", "compaction", "compare", "compatibility", "cqrs", "crash_table", "lag_plot", "look_up",
           "partition_strips", "plot", "rebalance_chart", "record_bytes", "replica_logs", "replicas", "retention",
           "saga_flow", "steps", "stream_strips", "strip_of", "timeline", "topology", "trace_tree", "use_theme", "wall"]
