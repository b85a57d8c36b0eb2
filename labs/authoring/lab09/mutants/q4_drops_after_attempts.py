# Strikes out what has failed attempts times, so that nothing is blocked.
# expect: lab09.q4 fails, hint=OVERTAKES

# answer: lab09.q4
from evlab import Event, EvlabError


def relay(db, bus, attempts):
    for number, text in db.execute("SELECT number, event FROM outbox ORDER BY number"):
        try:
            publish(bus, Event.from_json(text), attempts)
        except EvlabError as error:
            print("given up:", error)
        db.execute("DELETE FROM outbox WHERE number = ?", [number])


def publish(bus, event, attempts):
    for attempt in range(1, attempts + 1):
        try:
            return bus.publish(event)
        except EvlabError:
            if attempt == attempts:
                raise
