# Strikes out all at once when all is published.
# expect: lab09.q4 fails, hint=REPEATS_TOO_MUCH

# answer: lab09.q4
from evlab import Event, EvlabError


def relay(db, bus, attempts):
    rows = db.execute("SELECT number, event FROM outbox ORDER BY number")
    done = 0
    try:
        for number, text in rows:
            publish(bus, Event.from_json(text), attempts)
            done = number
    finally:
        db.execute("DELETE FROM outbox WHERE number <= ?", [done])


def publish(bus, event, attempts):
    for attempt in range(1, attempts + 1):
        try:
            return bus.publish(event)
        except EvlabError:
            if attempt == attempts:
                raise
