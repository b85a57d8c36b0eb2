"""Projections at work: catching up with the store, waiting for them, rebuilding beside the tables in use.

What a read model is, and how events change it, is in evlab.readmodel.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator, Iterable
from typing import NamedTuple

from evlab.database import Database
from evlab.env import Later, check_delay
from evlab.errors import EvlabError, InvalidUse, Timeout, learner_lines
from evlab.readmodel import Catalog, FixedView, NeedsRebuild, Projection, ProjectionFailed, Reactor, State, View
from evlab.recorded import Recorded
from evlab.store import EventStore

__all__ = ["Lag", "NeedsRebuild", "Projection", "ProjectionFailed", "Projector", "Reactor", "View"]


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
    2. Several projectors, in several processes, may share one db: each event still changes a read model once. A
       reactor may then act twice on an event, as after a crash.
    3. A handler that raises stops its own projection alone: `catch_up` takes the others to the end, then it raises.
    """

    def __init__(self, store: EventStore, projections: Iterable[Projection | Reactor], db: Database | None = None, *,
                 batch: int = 1000):
        projections = _checked(projections, db, batch)
        if not (hasattr(store, "read_all") and hasattr(store, "env")):
            raise InvalidUse(f"{store!r:.60} is no event store", next_step="write Projector(store, [orders])")
        self.store, self.env, self.batch = store, store.env, batch
        self.db = Database(env=store.env) if db is None else db
        self.projections = {one.name: one for one in projections}
        self._waiting: list[tuple[int, tuple[str, ...], Later]] = []
        self._busy = False
        with self.db.transaction():
            self._catalog = Catalog(self.db)
            for one in projections:
                self._catalog.add(one, end=self.store.position)

    def catch_up(self) -> int:
        """Handle events until none is left, those that a reactor appends meanwhile, too.

        Returns how many were read, summed over the projections. Called by what a handler does, it returns 0: the call
        that runs goes on until nothing is left.
        Raises `ProjectionFailed` for the first handler that raised, and `NeedsRebuild`, once the others have caught up.
        """
        if self._busy:
            return 0
        self._busy = True
        try:
            total, failure = self._catch_up_all()
        finally:
            self._busy = False
        self._settle()
        if failure:
            raise failure
        return total

    def follow(self, *, delay: float = 0.0, every: float | None = None) -> Generator:
        """A process that catches up for ever: after each append, or every so many seconds if others append, too.

        delay: seconds between an append and the work, as a busy projector has.
        Ends with the error that `catch_up` raises.
        """
        check_delay(delay)
        if every is not None and check_delay(every) == 0:
            raise InvalidUse("every=0 never comes to rest", next_step="give a number of seconds above 0")
        while True:
            self.catch_up()
            yield self.store.appended if every is None else every
            if delay:
                yield delay

    def view(self, name: str) -> View:
        """The read model of a projection, for queries."""
        self._known(name, Projection)
        return View(self.db, lambda: self._catalog.state(name).generation)

    def checkpoint(self, name: str) -> int:
        """The position up to which a projection has read."""
        self._known(name)
        return self._catalog.state(name).checkpoint

    def lag(self) -> list[Lag]:
        """How far each is behind."""
        found = []
        for name in self.projections:
            at, end = self.checkpoint(name), self.store.position
            oldest = next(self.store.read_all(after=at, limit=1), None)
            waits = 0.0 if oldest is None else self.env.epoch + self.env.now() - oldest.recorded_at.timestamp()
            found.append(Lag(name, at, end, max(0, end - at), max(0.0, waits)))
        return found

    def wait_for(self, position: int | Recorded, timeout: float = 1.0, *, name: str = "") -> Later:
        """Read your own writes: a Later that is done when the projection (all of them by default) has read so far.

        position: of the event that was appended, or the `Recorded` itself. This projector looks when it catches up,
        and when the time is over. Then the Later fails with `Timeout`, if the read model is still behind; what was
        appended is not lost.
        """
        position = _position_of(position)
        check_delay(timeout)
        names = (self._known(name).name,) if name else tuple(self.projections)
        done = Later()
        self._waiting.append((position, names, done))
        self._settle()
        if not done.done:
            timer = self.env.after(timeout, lambda: self._give_up(position, names, done, timeout))
            done.then(lambda _: timer.cancel())
        return done

    # --------------------------------------------------------------------------------------------- rebuild

    def rebuild(self, name: str, progress: Callable[[int, int], None] = lambda done, total: None) -> None:
        """Make the read model anew from the first event, beside the one in use, and switch when it has caught up."""
        for _ in self.rebuilding(name, progress):
            pass

    def rebuilding(self, name: str, progress: Callable[[int, int], None] = lambda done, total: None) -> Generator:
        """The same as a process, which gives way after each batch.

        1. Queries see the old read model until the new one has read as far, then at once the new one.
        2. The old one is kept up meanwhile by whoever catches up, with the version of the code that has made it.
        3. A crash leaves the old one in use; the next rebuild begins anew.
        Raises `ProjectionFailed`, and `InvalidUse` for a reactor, as its effects are not to be repeated, or if
        somebody else begins a rebuild of this projection before the end of this one.
        """
        projection = self._known(name, Projection)
        with self.db.transaction():
            generation = self._catalog.begin(projection)
        view, position, read = FixedView(self.db, generation), 0, self.batch
        while read == self.batch:
            with self.db.transaction():
                state = self._catalog.state(name)
                if state.building != generation:
                    raise InvalidUse(f"somebody else has begun to rebuild {name}", next_step="let one of them do it")
                # Read inside the transaction: now nobody can move the checkpoint of the old tables beyond what we see.
                events = self.store.read_all(after=position, limit=self.batch)
                reached = self._handle(projection, view, events, position)
                read, position = reached - position, reached
                if read < self.batch:
                    self._catalog.switch(projection, state, position)
                self.env.point("rebuilding")
            progress(position, self.store.position)
            if read == self.batch:
                yield 0.0
        self._settle()

    # ---------------------------------------------------------------------------------------------- at work

    def _catch_up_all(self) -> tuple[int, EvlabError | None]:
        """Events read, and the first failure. Round by round, as a reactor may append what an earlier one reads."""
        total, failure, going = 0, None, list(self.projections.values())
        while True:
            read = 0
            for one in list(going):
                try:
                    read += self._catch_up(one)
                except (ProjectionFailed, NeedsRebuild) as error:
                    failure = failure or error
                    going.remove(one)
            if not read:
                return total, failure
            total += read

    def _catch_up(self, one: Projection | Reactor) -> int:
        total = 0
        while True:
            state = self._catalog.state(one.name)
            _check_tables(one, state)
            events = iter(self.store.read_all(after=state.checkpoint, limit=self.batch))
            first = next(events, None)
            if first is None:
                self._check_end(one, state.checkpoint)
                return total
            events = itertools.chain([first], events)
            if isinstance(one, Reactor):
                total += self._react(one, list(events))
            else:
                total += self._project(one, state.checkpoint, events)
            self._settle()

    def _project(self, projection: Projection, after: int, events: Iterable[Recorded]) -> int:
        try:
            return self._project_batch(projection, after, events)
        except ProjectionFailed as error:
            good = error.position - after - 1
            if good:  # the batch was rolled back: the events before the bad one count
                self._project_batch(projection, after, self.store.read_all(after=after, limit=good))
            raise

    def _project_batch(self, projection: Projection, after: int, events: Iterable[Recorded]) -> int:
        """Handle the events that follow the position `after`, and move the checkpoint; how many they were."""
        with self.db.transaction():
            state = self._catalog.state(projection.name)
            _check_tables(projection, state)
            if state.checkpoint != after:
                return 0  # another projector was faster: read again
            view = FixedView(self.db, state.generation)
            position = self._handle(projection, view, events, after)
            self._catalog.save(projection.name, position)
            self.env.point("projected")
        self.env.point("checkpointed")
        return position - after

    def _handle(self, projection: Projection, view: View, events: Iterable[Recorded], after: int) -> int:
        """Show the events to their handlers; the position of the last one, or `after` if there is none.

        They are read while they are handled: a whole batch in a list would have left the processor's caches before its
        turn, and Python's collector of garbage would look at it again and again. That takes 40 % longer.
        """
        for recorded in events:
            handler = projection.handlers.get(recorded.event.type)
            if handler is not None:
                try:
                    handler(view, recorded)
                except Exception as error:
                    raise _failed(projection, recorded, error) from error
            after = recorded.position
        return after

    def _react(self, reactor: Reactor, events: list[Recorded]) -> int:
        for recorded in events:
            handler = reactor.handlers.get(recorded.event.type)
            if handler is not None and self._catalog.state(reactor.name).checkpoint < recorded.position:
                try:
                    handler(recorded)
                except Exception as error:
                    raise _failed(reactor, recorded, error) from error
                self.env.point("reacted")  # a crash here: the effect has happened, and will happen again
            if handler is not None or recorded is events[-1]:
                with self.db.transaction():
                    self._catalog.save(reactor.name, recorded.position)
        return len(events)

    def _check_end(self, one: Projection | Reactor, checkpoint: int) -> None:
        """A read model that is ahead of its store belongs to another one, or the store has lost its newest events."""
        end = self.store.position
        if checkpoint > end:
            cure = (f'call projector.rebuild("{one.name}")' if isinstance(one, Projection) else
                    "give the reactor another name: under that it begins at the store's end")
            raise NeedsRebuild(f"{one.name} has read up to position {checkpoint}, and the store ends at {end}",
                               why="it was fed from another store, or the store was restored from a backup",
                               next_step=cure, name=one.name, checkpoint=checkpoint, end=end)

    # ------------------------------------------------------------------------------------------------- who waits

    def _settle(self) -> None:
        """Tell those whose position has been reached."""
        if not self._waiting:
            return
        at = {name: self.checkpoint(name) for name in self.projections}
        ready = [one for one in self._waiting if one[2].done or all(at[name] >= one[0] for name in one[1])]
        self._waiting = [one for one in self._waiting if one not in ready]
        for _, _, done in ready:
            done.resolve()

    def _give_up(self, position: int, names: tuple[str, ...], done: Later, timeout: float) -> None:
        self._settle()  # another process may have done the work
        done.fail(Timeout(f"{' and '.join(names)} did not reach position {position} in {timeout:g} s",
                          why="the projection is behind, or nobody runs it", seconds=timeout,
                          next_step="show what you know from the write, and look at projector.lag()"))

    def _known(self, name: str, kind: type = object) -> Projection | Reactor:
        one = self.projections.get(name) if isinstance(name, str) else None
        if one is None:
            raise InvalidUse(f"there is no projection {name!r:.60}",
                             next_step=f"there are {', '.join(self.projections)}")
        if not isinstance(one, kind):
            raise InvalidUse(f"{name} is a reactor: it has no read model, and its effects are not repeated",
                             next_step="name a projection")
        return one


def _checked(projections: Iterable[Projection | Reactor], db: Database | None, batch: int) -> list:
    if isinstance(projections, Projection | Reactor):
        raise InvalidUse(f"{projections.name} stands alone", next_step="give a list: Projector(store, [orders])")
    projections = list(projections) if isinstance(projections, Iterable) else [projections]
    for one in projections:
        if not isinstance(one, Projection | Reactor):
            raise InvalidUse(f"{one!r:.60} is no projection", next_step="give Projections and Reactors")
    if len({one.name for one in projections}) < len(projections):
        raise InvalidUse("two projections have the same name", next_step="name each by what it is for")
    if not isinstance(db, Database | None):
        raise InvalidUse(f"db={db!r:.60} is no database", next_step='write db=Database("views.db")')
    if type(batch) is not int or batch < 1:
        raise InvalidUse(f"batch={batch!r} is no number of events", next_step="give 1 or more")
    return projections


def _position_of(position: int | Recorded) -> int:
    found = position.position if isinstance(position, Recorded) else position
    if type(found) is not int or found < 0:
        raise InvalidUse(f"{position!r:.60} is no position", next_step="give one of what append returned: "
                         "wait_for(store.append(...)[-1])")
    return found


def _check_tables(one: Projection | Reactor, state: State) -> None:
    """Raise `NeedsRebuild` if these are not the tables that this code writes to."""
    if not isinstance(one, Projection):
        return
    if state.version == one.version and set(one.tables) <= set(state.tables.split()):
        return
    raise NeedsRebuild(f"the tables of {one.name} were made by its version {state.version}, and this is {one.version}",
                       why="its handlers do not fit these rows" if state.version != one.version else
                       "its tables have changed, and its version has not", name=one.name, stored=state.version,
                       version=one.version, next_step=f'call projector.rebuild("{one.name}")')


def _failed(one: Projection | Reactor, recorded: Recorded, error: Exception) -> ProjectionFailed:
    where = "".join(f"{place}: {code}. " for place, code in learner_lines(error)[-1:])
    what = error.what if isinstance(error, EvlabError) else error
    return ProjectionFailed(
        f"{one.name} cannot handle {recorded.event.type} at position {recorded.position}", name=one.name,
        event=recorded.event, position=recorded.position, why=f"{where}{type(error).__name__}: {what}",
        next_step="mend the handler and catch up; what came before it counts")
