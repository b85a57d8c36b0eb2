# Begins for the strike, and does not commit.
# expect: lab09.q4 fails, hint=RELAY_LEFT_OPEN

# answer: lab09.q4
from evlab import Event, EvlabError


def relay(db, bus, attempts):
    rows = db.execute("SELECT number, event FROM outbox ORDER BY number")
    for _, text in rows:
        publish(bus, Event.from_json(text), attempts)
    db.begin()
    for number, _ in rows:
        db.execute("DELETE FROM outbox WHERE number = ?", [number])


def publish(bus, event, attempts):
    for attempt in range(1, attempts + 1):
        try:
            return bus.publish(event)
        except EvlabError:
            if attempt == attempts:
                raise
