# Tries the failed ones again at the end of the round.
# expect: lab09.q4 fails, hint=OVERTAKES

# answer: lab09.q4
from evlab import Event, EvlabError


def relay(db, bus, attempts):
    failed = db.execute("SELECT number, event FROM outbox ORDER BY number")
    for _ in range(attempts):
        rows, failed = failed, []
        for number, text in rows:
            try:
                bus.publish(Event.from_json(text))
                db.execute("DELETE FROM outbox WHERE number = ?", [number])
            except EvlabError as error:
                failed.append([number, text])
                print("again at the end:", error)
