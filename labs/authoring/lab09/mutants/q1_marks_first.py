# Marks, and commits that, and then works.
# expect: lab09.q1 fails, hint=MARK_STAYS

# answer: lab09.q1
def once(db, consumer, event, effect):
    if db.execute("INSERT INTO inbox VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING id", [consumer, event.id]):
        effect()
