# Counts attempts over all events of a call.
# expect: lab09.q4 fails, hint=GIVES_UP

# answer: lab09.q4
from evlab import Event, EvlabError


def relay(db, bus, attempts):
    tries = 0
    for number, text in db.execute("SELECT number, event FROM outbox ORDER BY number"):
        while True:
            tries += 1
            try:
                bus.publish(Event.from_json(text))
                break
            except EvlabError:
                if tries > attempts:
                    raise
        db.execute("DELETE FROM outbox WHERE number = ?", [number])
