# Deletes the whole table at the end.
# expect: lab09.q4 fails, hint=LOST_MEANWHILE

# answer: lab09.q4
from evlab import Event, EvlabError


def relay(db, bus, attempts):
    for _, text in db.execute("SELECT number, event FROM outbox ORDER BY number"):
        publish(bus, Event.from_json(text), attempts)
    db.execute("DELETE FROM outbox")


def publish(bus, event, attempts):
    for attempt in range(1, attempts + 1):
        try:
            return bus.publish(event)
        except EvlabError:
            if attempt == attempts:
                raise
