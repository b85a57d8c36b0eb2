# Looks, works, and marks afterwards.
# expect: lab09.q1 fails, hint=DONE_NOT_MARKED

# answer: lab09.q1
def once(db, consumer, event, effect):
    if not db.execute("SELECT 1 FROM inbox WHERE consumer = ? AND id = ?", [consumer, event.id]):
        effect()
        db.execute("INSERT OR IGNORE INTO inbox VALUES (?, ?)", [consumer, event.id])
