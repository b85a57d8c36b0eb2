# Counts the numbers up, and stops at the first gap.
# expect: lab09.q4 fails, hint=LEAVES_SOME

# answer: lab09.q4
from evlab import Event, EvlabError


def relay(db, bus, attempts):
    [[number]] = db.execute("SELECT coalesce(min(number), 0) FROM outbox")
    while rows := db.execute("SELECT event FROM outbox WHERE number = ?", [number]):
        publish(bus, Event.from_json(rows[0][0]), attempts)
        db.execute("DELETE FROM outbox WHERE number = ?", [number])
        number += 1


def publish(bus, event, attempts):
    for attempt in range(1, attempts + 1):
        try:
            return bus.publish(event)
        except EvlabError:
            if attempt == attempts:
                raise
