# A cache of what is committed, by the id alone.
# expect: lab09.q1 fails, hint=SHARES

# answer: lab09.q1
known = set()


def once(db, consumer, event, effect):
    if event.id in known:
        return
    with transaction(db):
        if db.execute("INSERT INTO inbox VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING id", [consumer, event.id]):
            effect()
    known.add(event.id)
