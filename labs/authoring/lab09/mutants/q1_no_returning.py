# Forgets that only RETURNING gives rows.
# expect: lab09.q1 fails, hint=NO_EFFECT

# answer: lab09.q1
def once(db, consumer, event, effect):
    with transaction(db):
        if db.execute("INSERT INTO inbox VALUES (?, ?) ON CONFLICT DO NOTHING", [consumer, event.id]):
            effect()
