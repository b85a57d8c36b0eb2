"""What child processes do to read models: catch up beside others, until the end or until they are killed."""

from __future__ import annotations

import multiprocessing

from evlab import Database, EventStore, Projection, Projector, Reactor

__all__ = ["catch_up_beside_others", "catch_up_until_killed", "start", "trail"]

_WAYS = multiprocessing.get_all_start_methods()
_CONTEXT = multiprocessing.get_context("forkserver" if "forkserver" in _WAYS else "spawn")


def start(work, *arguments):
    """A child that runs `work(pipe, *arguments)`, and the end of the pipe at which the test hears of it."""
    ours, theirs = _CONTEXT.Pipe(duplex=False)
    child = _CONTEXT.Process(target=work, args=(theirs, *arguments), daemon=True)
    child.start()
    theirs.close()
    return child, ours


def trail(told=lambda position: None, version=1):
    """A read model in which an event that counts twice, or not at all, shows."""
    projection = Projection("trail", "CREATE TABLE {trail} (position INTEGER, times INTEGER, version INTEGER)",
                            version=version)

    @projection.on("Counted")
    def counted(view, recorded):
        view.execute("INSERT INTO {trail} VALUES (?, 1 + (SELECT count(*) FROM {trail}), ?)",
                     (recorded.position, version))
        told(recorded.position)

    return projection


def catch_up_beside_others(pipe, store, views, end, batch):
    """Catch up until position `end` is in the read model; then tell which events a reactor got."""
    reacted = []
    reactor = Reactor("letters", from_start=True)
    reactor.on("Counted")(lambda recorded: reacted.append(recorded.position))
    with EventStore(store) as events, Database(views) as db:
        projector = Projector(events, [trail(), reactor], db, batch=batch)
        pipe.send("ready")
        while min(lag.checkpoint for lag in projector.lag()) < end:
            projector.catch_up()
    pipe.send(reacted)


def catch_up_until_killed(pipe, store, views, batch):
    """Tell of each event before it is committed, for ever."""
    with EventStore(store) as events, Database(views) as db:
        projector = Projector(events, [trail(pipe.send)], db, batch=batch)
        while True:
            projector.catch_up()
            projector.rebuild("trail")
