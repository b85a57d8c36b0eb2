# The first try stands outside of the loop, and only the loop lets the error out.
# expect: lab09.q4 fails, hint=STRIKES_UNPUBLISHED

# answer: lab09.q4
from evlab import Event, EvlabError


def relay(db, bus, attempts):
    for number, text in db.execute("SELECT number, event FROM outbox ORDER BY number"):
        event = Event.from_json(text)
        try:
            bus.publish(event)
        except EvlabError:
            for left in reversed(range(attempts - 1)):
                try:
                    bus.publish(event)
                    break
                except EvlabError:
                    if not left:
                        raise
        db.execute("DELETE FROM outbox WHERE number = ?", [number])
