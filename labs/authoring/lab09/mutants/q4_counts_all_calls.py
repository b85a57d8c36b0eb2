# The count of failures outlives the call.
# expect: lab09.q4 fails, hint=COUNTS_ALL_CALLS

# answer: lab09.q4
from evlab import Event, EvlabError


def relay(db, bus, attempts, failed={}):
    for number, text in db.execute("SELECT number, event FROM outbox ORDER BY number"):
        while True:
            try:
                bus.publish(Event.from_json(text))
                break
            except EvlabError:
                failed[number] = failed.get(number, 0) + 1
                if failed[number] >= attempts:
                    raise
        db.execute("DELETE FROM outbox WHERE number = ?", [number])
