# Remembers the last number in memory, in place of the strike.
# expect: lab09.q4 fails, hint=REPEATS_TOO_MUCH

# answer: lab09.q4
from evlab import Event, EvlabError

last = 0


def relay(db, bus, attempts):
    global last
    for number, text in db.execute("SELECT number, event FROM outbox WHERE number > ? ORDER BY number", [last]):
        publish(bus, Event.from_json(text), attempts)
        last = number


def publish(bus, event, attempts):
    for attempt in range(1, attempts + 1):
        try:
            return bus.publish(event)
        except EvlabError:
            if attempt == attempts:
                raise
