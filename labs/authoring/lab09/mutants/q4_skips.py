# Goes on with the next event after an error.
# expect: lab09.q4 fails, hint=OVERTAKES

# answer: lab09.q4
from evlab import Event, EvlabError


def relay(db, bus, attempts):
    for number, text in db.execute("SELECT number, event FROM outbox ORDER BY number"):
        try:
            publish(bus, Event.from_json(text), attempts)
            db.execute("DELETE FROM outbox WHERE number = ?", [number])
        except EvlabError as error:
            print("later:", error)


def publish(bus, event, attempts):
    for attempt in range(1, attempts + 1):
        try:
            return bus.publish(event)
        except EvlabError:
            if attempt == attempts:
                raise
