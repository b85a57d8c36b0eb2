# Tries until it works.
# expect: lab09.q4 fails, hint=WRONG_ATTEMPTS

# answer: lab09.q4
from evlab import Event, EvlabError


def relay(db, bus, attempts):
    for number, text in db.execute("SELECT number, event FROM outbox ORDER BY number"):
        while True:
            try:
                bus.publish(Event.from_json(text))
                break
            except EvlabError:
                continue
        db.execute("DELETE FROM outbox WHERE number = ?", [number])
