# Tries again after a Timeout, and after no other error.
# expect: lab09.q4 fails, hint=TIMEOUTS_ONLY

# answer: lab09.q4
from evlab import Event, Timeout


def relay(db, bus, attempts):
    for number, text in db.execute("SELECT number, event FROM outbox ORDER BY number"):
        for attempt in range(attempts):
            try:
                bus.publish(Event.from_json(text))
                break
            except Timeout:
                if attempt + 1 == attempts:
                    raise
        db.execute("DELETE FROM outbox WHERE number = ?", [number])
