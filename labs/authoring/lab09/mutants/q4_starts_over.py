# Tries all of it so often, and not each event.
# expect: lab09.q4 fails, hint=GIVES_UP

# answer: lab09.q4
from evlab import Event, EvlabError


def relay(db, bus, attempts):
    for attempt in range(1, attempts + 1):
        try:
            for number, text in db.execute("SELECT number, event FROM outbox ORDER BY number"):
                bus.publish(Event.from_json(text))
                db.execute("DELETE FROM outbox WHERE number = ?", [number])
            return
        except EvlabError:
            if attempt == attempts:
                raise
