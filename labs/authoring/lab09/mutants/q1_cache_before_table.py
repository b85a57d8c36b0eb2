# A cache in front of the table that is filled before the commit.
# expect: lab09.q1 fails, hint=MARK_STAYS

# answer: lab09.q1
known = set()


def once(db, consumer, event, effect):
    if (consumer, event.id) in known:
        return
    known.add((consumer, event.id))
    with transaction(db):
        if not db.execute("SELECT 1 FROM inbox WHERE consumer = ? AND id = ?", [consumer, event.id]):
            db.execute("INSERT INTO inbox VALUES (?, ?)", [consumer, event.id])
            effect()
