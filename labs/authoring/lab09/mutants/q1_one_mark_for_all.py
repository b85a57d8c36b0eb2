# Looks for the id, whoever marked it.
# expect: lab09.q1 fails, hint=OTHER_CONSUMER

# answer: lab09.q1
def once(db, consumer, event, effect):
    with transaction(db):
        if not db.execute("SELECT 1 FROM inbox WHERE id = ?", [event.id]):
            db.execute("INSERT INTO inbox VALUES (?, ?)", [consumer, event.id])
            effect()
