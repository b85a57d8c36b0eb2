# Strikes out up to the highest number that is there now.
# expect: lab09.q4 fails, hint=LOST_MEANWHILE

# answer: lab09.q4
from evlab import Event, EvlabError


def relay(db, bus, attempts):
    for number, text in db.execute("SELECT number, event FROM outbox ORDER BY number"):
        publish(bus, Event.from_json(text), attempts)
        [[left]] = db.execute("SELECT count(*) FROM outbox WHERE number > ?", [number])
        db.execute("DELETE FROM outbox WHERE number <= ?", [number if left > 1 else number + left])


def publish(bus, event, attempts):
    for attempt in range(1, attempts + 1):
        try:
            return bus.publish(event)
        except EvlabError:
            if attempt == attempts:
                raise
