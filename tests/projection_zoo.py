"""Projectors that are wrong, each in one way. The test of PROJ-1 has to find every one."""

from __future__ import annotations

from evlab import Projector
from evlab.readmodel import FixedView

__all__ = ["WRONG"]


class CheckpointLater(Projector):
    """Rows in one transaction, the checkpoint in the next: a crash between counts events twice."""

    def _project_batch(self, projection, after, events):
        view = FixedView(self.db, self._catalog.state(projection.name).generation)
        with self.db.transaction():
            position = self._handle(projection, view, events, after)
        self.env.point("projected")
        self._catalog.save(projection.name, position)
        self.env.point("checkpointed")
        return position - after


class CheckpointFirst(Projector):
    """The checkpoint before the rows: a crash between loses events."""

    def _project_batch(self, projection, after, events):
        view, events = FixedView(self.db, self._catalog.state(projection.name).generation), list(events)
        self._catalog.save(projection.name, events[-1].position)
        self.env.point("projected")
        with self.db.transaction():
            self._handle(projection, view, events, after)
        self.env.point("checkpointed")
        return len(events)


class EachRowByItself(Projector):
    """No transaction around a batch: a crash in it leaves half of it without a checkpoint."""

    def _handle(self, projection, view, events, after):
        for recorded in events:
            after = super()._handle(projection, view, [recorded], after)
            self.env.point("projected")
        return after

    def _project_batch(self, projection, after, events):
        view = FixedView(self.db, self._catalog.state(projection.name).generation)
        position = self._handle(projection, view, events, after)
        self._catalog.save(projection.name, position)
        return position - after


class MarksBeforeTheEffect(Projector):
    """The reactor's checkpoint before its effect: a crash between loses the effect."""

    def _react(self, reactor, events):
        for recorded in events:
            self._catalog.save(reactor.name, recorded.position)
            self.env.point("reacted")
            if recorded.event.type in reactor.handlers:
                reactor.handlers[recorded.event.type](recorded)
        return len(events)


class ForgetsTheEffect(Projector):
    """The reactor's checkpoint once a batch: after a crash a whole batch of effects is repeated."""

    def _react(self, reactor, events):
        for recorded in events:
            if recorded.event.type in reactor.handlers:
                reactor.handlers[recorded.event.type](recorded)
                self.env.point("reacted")
        self._catalog.save(reactor.name, events[-1].position)
        return len(events)


class RebuildsInPlace(Projector):
    """A rebuild that empties the tables in use: after a crash in it the half is served, with the old checkpoint."""

    def rebuilding(self, name, progress=None):
        projection = self.projections[name]
        generation, position = self._catalog.state(name).generation, 0
        view = FixedView(self.db, generation)
        for table in projection.tables:
            self.db.execute(f"DELETE FROM {table}_{generation}")
        while events := list(self.store.read_all(after=position, limit=self.batch)):
            with self.db.transaction():
                position = self._handle(projection, view, events, position)
            self.env.point("rebuilding")
            yield 0.0


class KeepsTheHalf(Projector):
    """A rebuild that goes on with the tables of the attempt that a crash has ended, from the first event."""

    def rebuilding(self, name, progress=lambda done, total: None):
        begin, state = self._catalog.begin, self._catalog.state(name)
        if state.building is not None:
            self._catalog.begin = lambda projection: state.building
        try:
            yield from super().rebuilding(name, progress)
        finally:
            self._catalog.begin = begin


class RebuildReacts(Projector):
    """A rebuild that sends the letters once more."""

    def rebuilding(self, name, progress=lambda done, total: None):
        for reactor in self.projections.values():
            if not hasattr(reactor, "tables"):
                for recorded in self.store.read_all():
                    reactor.handlers.get(recorded.event.type, lambda _: None)(recorded)
        yield from super().rebuilding(name, progress)


class ForgetsTheLast(Projector):
    """A rebuild that leaves out what the last, short batch holds."""

    def rebuilding(self, name, progress=lambda done, total: None):
        handle, end = self._handle, self.store.position

        def forget(projection, view, events, after):
            events = list(events)
            handle(projection, view, [one for one in events if one.position <= end - end % self.batch], after)
            return events[-1].position if events else after

        self._handle = forget
        try:
            yield from super().rebuilding(name, progress)
        finally:
            del self._handle


WRONG = [CheckpointLater, CheckpointFirst, EachRowByItself, MarksBeforeTheEffect, ForgetsTheEffect, RebuildsInPlace,
         KeepsTheHalf, RebuildReacts, ForgetsTheLast]
