# Stops at a failure, and returns as if all was well.
# expect: lab09.q4 fails, hint=HIDES_FAILURE

# answer: lab09.q4
from evlab import Event, EvlabError


def relay(db, bus, attempts):
    for number, text in db.execute("SELECT number, event FROM outbox ORDER BY number"):
        try:
            publish(bus, Event.from_json(text), attempts)
        except EvlabError as error:
            print("the bus is down:", error)
            return
        db.execute("DELETE FROM outbox WHERE number = ?", [number])


def publish(bus, event, attempts):
    for attempt in range(1, attempts + 1):
        try:
            return bus.publish(event)
        except EvlabError:
            if attempt == attempts:
                raise
