# The mark in the transaction, the effect behind it.
# expect: lab09.q1 fails, hint=MARK_STAYS

# answer: lab09.q1
def once(db, consumer, event, effect):
    with transaction(db):
        new = db.execute("INSERT INTO inbox VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING id", [consumer, event.id])
    if new:
        effect()
