# Wraps the event in one of its own.
# expect: lab09.q4 fails, hint=OTHER_EVENT

# answer: lab09.q4
from evlab import Event, EvlabError


def relay(db, bus, attempts):
    for number, text in db.execute("SELECT number, event FROM outbox ORDER BY number"):
        publish(bus, Event(type="OutboxEvent", source="relay", data={"event": text}), attempts)
        db.execute("DELETE FROM outbox WHERE number = ?", [number])


def publish(bus, event, attempts):
    for attempt in range(1, attempts + 1):
        try:
            return bus.publish(event)
        except EvlabError:
            if attempt == attempts:
                raise
