"""Projections at work: catching up with the store, waiting for them, rebuilding beside the tables in use.

What a read model is, and how events change it, is in evlab.readmodel.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import NamedTuple

from evlab.database import Database
from evlab.env import Later
from evlab.errors import InvalidUse, Timeout
from evlab.readmodel import FixedView, NeedsRebuild, Projection, ProjectionFailed, Reactor, View, sql_of
from evlab.recorded import Recorded
from evlab.store import EventStore

__all__ = ["Lag", "NeedsRebuild", "Projection", "ProjectionFailed", "Projector", "Reactor", "View"]

_META = ("CREATE TABLE IF NOT EXISTS evlab_projections (name TEXT PRIMARY KEY, version INTEGER NOT NULL,"
         " generation INTEGER NOT NULL, tables TEXT NOT NULL, checkpoint INTEGER NOT NULL, building INTEGER)")


class Lag(NamedTuple):
    """How far a projection is behind its store."""

    name: str
    checkpoint: int
    """The position up to which it has read."""
    end: int
    """The position of the store's newest event."""
    events: int
    """end - checkpoint"""
    seconds: float
    """How long ago the oldest event that it has not read was recorded; 0 if there is none."""


class Projector:
    """Keeps projections and reactors up to date with a store.

    db: where the read models are; by default in memory, made anew with each Projector. In the store's own file they
    are, with the events, one file to back up.
    batch: events a transaction. More is faster; after a crash so many are read again at most.
    1. Each event changes a read model once, whatever crashes: rows and checkpoint are committed together.
    2. Several projectors, in several processes, may share one db: each event is still handled once.
    3. A handler that raises stops its own projection alone. The others go on.
    """

    def __init__(self, store: EventStore, projections: Iterable[Projection | Reactor], db: Database | None = None, *,
                 batch: int = 500):
        projections = list(projections)
        self.store, self.env, self.batch = store, store.env, batch
        self.db = Database(env=store.env) if db is None else db
        self.projections = {one.name: one for one in projections}
        self._waiting: list[tuple[int, tuple[str, ...], Later]] = []
        if len(self.projections) < len(projections):
            raise InvalidUse("two projections have the same name", next_step="name each by what it is for")
        if not isinstance(batch, int) or batch < 1:
            raise InvalidUse(f"batch={batch!r} is no number of events", next_step="give 1 or more")
        with self.db.transaction():
            self.db.execute(_META)
            for one in projections:
                self._prepare(one)

    def catch_up(self) -> int:
        """Handle all that the store has by now; returns how many events were read, summed over the projections.

        Raises `ProjectionFailed` for the first handler that raised, and `NeedsRebuild`, once the others have caught up.
        """
        read, failure = 0, None
        for one in self.projections.values():
            try:
                read += self._catch_up(one)
            except (ProjectionFailed, NeedsRebuild) as error:
                failure = failure or error
        if failure:
            raise failure
        return read

    def follow(self, *, delay: float = 0.0, every: float | None = None) -> Generator:
        """A process that catches up for ever: after each append, or every so many seconds if others append, too.

        delay: seconds between an append and the work, as a busy projector has.
        """
        while True:
            self.catch_up()
            yield self.store.appended if every is None else every
            if delay:
                yield delay

    def view(self, name: str) -> View:
        """The read model of a projection, for queries."""
        self._known(name, Projection)
        return View(self.db, lambda: self._row(name)[1])

    def checkpoint(self, name: str) -> int:
        """The position up to which a projection has read."""
        self._known(name)
        return self._row(name)[2]

    def lag(self) -> list[Lag]:
        """How far each is behind."""
        end, found = self.store.position, []
        for name in self.projections:
            at = self.checkpoint(name)
            oldest = next(self.store.read_all(after=at, limit=1), None)
            waits = 0.0 if oldest is None else self.env.epoch + self.env.now() - oldest.recorded_at.timestamp()
            found.append(Lag(name, at, end, max(0, end - at), max(0.0, waits)))
        return found

    def wait_for(self, position: int | Recorded, timeout: float = 1.0, *, name: str = "") -> Later:
        """Read your own writes: a Later that is done when the projection (all of them by default) has read so far.

        position: of the event that was appended, or the `Recorded` itself. It fails with `Timeout` after `timeout`
        seconds: the read model is still behind then, and what was appended is not lost.
        """
        position = position.position if isinstance(position, Recorded) else position
        names = (self._known(name).name,) if name else tuple(self.projections)
        done = Later()
        self._waiting.append((position, names, done))
        self._settle()
        if not done.done:
            late = Timeout(f"{' and '.join(names)} did not reach position {position} in {timeout:g} s",
                           why="the projection is behind, or nobody runs it", seconds=timeout,
                           next_step="show what you know from the write, and look at projector.lag()")
            timer = self.env.after(timeout, lambda: done.fail(late))
            done.then(lambda _: timer.cancel())
        return done

    # --------------------------------------------------------------------------------------------- rebuild

    def rebuild(self, name: str, progress: Callable[[int, int], None] = lambda done, total: None) -> None:
        """Make the read model anew from the first event, beside the one in use, and switch when it has caught up."""
        for _ in self.rebuilding(name, progress):
            pass

    def rebuilding(self, name: str, progress: Callable[[int, int], None] = lambda done, total: None) -> Generator:
        """The same as a process, which gives way after each batch: the old tables are served and kept up meanwhile.

        1. Queries see the old read model until the last event is in the new one, then at once the new one.
        2. A crash leaves the old one in use; the next rebuild begins anew.
        Raises `ProjectionFailed`, and `InvalidUse` for a reactor: its effects are not to be repeated.
        """
        projection = self._known(name, Projection)
        generation, position = self._begin(projection), 0
        view = FixedView(self.db, generation)
        while True:
            events = list(self.store.read_all(after=position, limit=self.batch))
            position = events[-1].position if events else position
            with self.db.transaction():
                for recorded in events:
                    self._handle(projection, view, recorded)
                if len(events) < self.batch:
                    self._switch(projection, generation, position)
                self.env.point("rebuilding")
            progress(position, self.store.position)
            if len(events) < self.batch:
                self._settle()
                return
            yield 0.0

    def _begin(self, projection: Projection) -> int:
        """Make the tables of the next generation, and drop what an earlier attempt has left."""
        with self.db.transaction():
            _, generation, _, building, _ = self._row(projection.name)
            if building is not None:
                self._drop(projection.tables, building)
            following = max(generation, building or 0) + 1
            self._make(projection, following)
            self.db.execute("UPDATE evlab_projections SET building = ? WHERE name = ?", (following, projection.name))
        return following

    def _switch(self, projection: Projection, generation: int, position: int) -> None:
        _, old, _, building, tables = self._row(projection.name)
        if building != generation:
            raise InvalidUse(f"somebody else has begun to rebuild {projection.name}", next_step="let one of them do it")
        self.db.execute("UPDATE evlab_projections SET generation = ?, checkpoint = ?, version = ?, tables = ?,"
                        " building = NULL WHERE name = ?",
                        (generation, position, projection.version, " ".join(projection.tables), projection.name))
        self._drop(tables.split(), old)

    # ---------------------------------------------------------------------------------------------- one of them

    def _catch_up(self, one: Projection | Reactor) -> int:
        self._check_version(one)
        handle = self._react if isinstance(one, Reactor) else self._project
        read = 0
        while events := list(self.store.read_all(after=self.checkpoint(one.name), limit=self.batch)):
            handle(one, events)
            read += len(events)
            self._settle()
        return read

    def _project(self, projection: Projection, events: list[Recorded]) -> None:
        try:
            self._project_batch(projection, events)
        except ProjectionFailed as error:
            good = [recorded for recorded in events if recorded.position < error.position]
            if good:  # the batch was rolled back: the events before the bad one count
                self._project_batch(projection, good)
            raise

    def _project_batch(self, projection: Projection, events: list[Recorded]) -> None:
        with self.db.transaction():
            _, generation, checkpoint, _, _ = self._row(projection.name)
            view = FixedView(self.db, generation)
            for recorded in events:
                if recorded.position > checkpoint:  # another projector may have been faster
                    self._handle(projection, view, recorded)
            self._save(projection.name, max(checkpoint, events[-1].position))
            self.env.point("projected")
        self.env.point("checkpointed")

    def _react(self, reactor: Reactor, events: list[Recorded]) -> None:
        for recorded in events:
            handler = reactor.handlers.get(recorded.event.type)
            if handler is not None:
                try:
                    handler(recorded)
                except Exception as error:
                    raise _failed(reactor, recorded, error) from error
                self.env.point("reacted")  # a crash here: the effect has happened, and will happen again
            if handler is not None or recorded is events[-1]:
                with self.db.transaction():
                    self._save(reactor.name, recorded.position)

    def _handle(self, projection: Projection, view: View, recorded: Recorded) -> None:
        handler = projection.handlers.get(recorded.event.type)
        if handler is not None:
            try:
                handler(view, recorded)
            except Exception as error:
                raise _failed(projection, recorded, error) from error

    # ------------------------------------------------------------------------------------------------- the tables

    def _prepare(self, one: Projection | Reactor) -> None:
        if self._row(one.name) is not None:
            return
        start = 0 if isinstance(one, Projection) or one.from_start else self.store.position
        tables = one.tables if isinstance(one, Projection) else []
        if tables:
            self._make(one, 1)
        self.db.execute("INSERT INTO evlab_projections VALUES (?, ?, 1, ?, ?, NULL)",
                        (one.name, getattr(one, "version", 1), " ".join(tables), start))

    def _row(self, name: str) -> tuple | None:
        """version, generation, checkpoint, building, tables"""
        return self.db.execute("SELECT version, generation, checkpoint, building, tables FROM evlab_projections"
                               " WHERE name = ?", (name,)).fetchone()

    def _save(self, name: str, position: int) -> None:
        self.db.execute("UPDATE evlab_projections SET checkpoint = ? WHERE name = ?", (position, name))

    def _make(self, projection: Projection, generation: int) -> None:
        for statement in projection.statements:
            self.db.execute(sql_of(statement, generation))

    def _drop(self, tables: Iterable[str], generation: int) -> None:
        for table in tables:
            self.db.execute(f"DROP TABLE IF EXISTS {table}_{generation}")

    def _check_version(self, one: Projection | Reactor) -> None:
        stored = self._row(one.name)[0]
        if isinstance(one, Projection) and stored != one.version:
            raise NeedsRebuild(f"the tables of {one.name} were made by its version {stored}, and this is {one.version}",
                               why="its handlers do not fit these rows", name=one.name, stored=stored,
                               version=one.version, next_step=f'call projector.rebuild("{one.name}")')

    def _settle(self) -> None:
        if not self._waiting:
            return
        at = {name: self.checkpoint(name) for name in self.projections}
        ready = [one for one in self._waiting if one[2].done or all(at[name] >= one[0] for name in one[1])]
        self._waiting = [one for one in self._waiting if one not in ready]
        for _, _, done in ready:
            if not done.done:
                done.resolve()

    def _known(self, name: str, kind: type = object) -> Projection | Reactor:
        one = self.projections.get(name)
        if one is None:
            raise InvalidUse(f"there is no projection {name!r}", next_step=f"there are {', '.join(self.projections)}")
        if not isinstance(one, kind):
            raise InvalidUse(f"{name} is a reactor: it has no read model, and its effects are not repeated",
                             next_step="name a projection")
        return one


def _failed(one: Projection | Reactor, recorded: Recorded, error: Exception) -> ProjectionFailed:
    event = recorded.event
    return ProjectionFailed(
        f"{one.name} cannot handle {event.type} at position {recorded.position}", name=one.name, event=event,
        position=recorded.position, why=f"{type(error).__name__}: {error}",
        next_step="mend the handler and catch up; what came before is in the read model")
