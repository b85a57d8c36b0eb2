# Asks for no order, and gets none.
# expect: lab09.q4 fails, hint=OVERTAKES

# answer: lab09.q4
from evlab import Event, EvlabError


def relay(db, bus, attempts):
    for number, text in db.execute("SELECT number, event FROM outbox"):
        for attempt in range(1, attempts + 1):
            try:
                bus.publish(Event.from_json(text))
                break
            except EvlabError:
                if attempt == attempts:
                    raise
        db.execute("DELETE FROM outbox WHERE number = ?", [number])
