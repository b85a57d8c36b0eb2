# An error in the middle leaves what was published before it.
# expect: lab09.q4 fails, hint=REPEATS_TOO_MUCH

# answer: lab09.q4
from evlab import Event, EvlabError


def relay(db, bus, attempts):
    rows = db.execute("SELECT number, event FROM outbox ORDER BY number")
    for _, text in rows:
        publish(bus, Event.from_json(text), attempts)
    for number, _ in rows:
        db.execute("DELETE FROM outbox WHERE number = ?", [number])


def publish(bus, event, attempts):
    for attempt in range(1, attempts + 1):
        try:
            return bus.publish(event)
        except EvlabError:
            if attempt == attempts:
                raise
