# Takes no answer for an answer.
# expect: lab09.q4 fails, hint=SKIPS

# answer: lab09.q4
from evlab import Event, EvlabError


def relay(db, bus, attempts):
    for number, text in db.execute("SELECT number, event FROM outbox ORDER BY number"):
        try:
            bus.publish(Event.from_json(text))
        except EvlabError as error:
            print("no answer:", error)
        db.execute("DELETE FROM outbox WHERE number = ?", [number])
