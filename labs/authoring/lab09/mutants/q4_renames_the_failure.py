# Another error comes out than that of the last attempt.
# expect: lab09.q4 fails, hint=OTHER_ERROR

# answer: lab09.q4
from evlab import Event, EvlabError


def relay(db, bus, attempts):
    for number, text in db.execute("SELECT number, event FROM outbox ORDER BY number"):
        for _ in range(attempts):
            try:
                bus.publish(Event.from_json(text))
                break
            except EvlabError:
                pass
        else:
            raise RuntimeError("the bus is down")
        db.execute("DELETE FROM outbox WHERE number = ?", [number])
