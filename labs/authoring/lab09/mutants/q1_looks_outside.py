# Looks before the transaction, then marks and acts in it: check, then act.
# expect: lab09.q1 fails, hint=LOOKS_THEN_ACTS

# answer: lab09.q1
def once(db, consumer, event, effect):
    if db.execute("SELECT 1 FROM inbox WHERE consumer = ? AND id = ?", [consumer, event.id]):
        return
    with transaction(db):
        db.execute("INSERT OR IGNORE INTO inbox VALUES (?, ?)", [consumer, event.id])
        effect()
