"""What a child process does with sagas: run them beside another process that runs the same ones."""

from __future__ import annotations

from evlab import Bus, Database, Event, EventStore, Retry
from evlab.database import DatabaseBusy
from evlab.inbox import Inbox
from evlab.saga import Orchestrator, Saga, Step

__all__ = ["run_sagas"]


def run_sagas(pipe, sagas, services, count):
    """Start sagas 0 to count - 1, take up what is open, until none is. Effects are in the database `services`."""
    bus, db = Bus(), Database(services)
    inbox = Inbox(db, "services")
    db.execute("CREATE TABLE IF NOT EXISTS effects (saga TEXT, step TEXT)")
    db.execute("CREATE TABLE IF NOT EXISTS answers (command TEXT PRIMARY KEY, reply TEXT)")

    def serve(command):
        with inbox.once(command) as new:
            if new:
                db.execute("INSERT INTO effects VALUES (?, ?)", (command.data["saga"], command.data["step"]))
                reply = command.caused("WorkDone", {}, source="services")
                db.execute("INSERT INTO answers VALUES (?, ?)", (command.id, reply.to_json().decode()))
        text = db.value("SELECT reply FROM answers WHERE command = ?", (command.id,))
        bus.publish(Event.from_json(text))

    bus.subscribe("work.asked", serve, name="services", retry=Retry(attempts=5))

    def step(name, kind):
        return Step(name, lambda state: Event(type="WorkAsked", data={"saga": state["saga"], "step": name}), kind=kind)

    store = EventStore(sagas)
    saga = Saga("order", [step("reserve", "compensatable"), step("pay", "pivot"), step("ship", "retriable")])
    orchestrator = Orchestrator(store, bus, saga, replies="work.done")
    for number in range(count):
        orchestrator.start(str(number), {"saga": str(number)})
        orchestrator.resume()
    while orchestrator.open():
        try:
            orchestrator.resume()
        except DatabaseBusy:
            continue
    pipe.send("done")
