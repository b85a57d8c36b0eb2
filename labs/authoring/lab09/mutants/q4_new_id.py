# Makes the event anew from its parts: another id.
# expect: lab09.q4 fails, hint=NEW_ID

# answer: lab09.q4
from evlab import Event, EvlabError


def relay(db, bus, attempts):
    for number, text in db.execute("SELECT number, event FROM outbox ORDER BY number"):
        old = Event.from_json(text)
        publish(bus, Event(type=old.type, key=old.key, source=old.source, data=old.data), attempts)
        db.execute("DELETE FROM outbox WHERE number = ?", [number])


def publish(bus, event, attempts):
    for attempt in range(1, attempts + 1):
        try:
            return bus.publish(event)
        except EvlabError:
            if attempt == attempts:
                raise
