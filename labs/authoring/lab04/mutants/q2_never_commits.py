# Begins one transaction, and leaves it open.
# expect: lab04.q2 fails, hint=NEVER_COMMITS

# answer: lab04.q2
def catch_up(store, db):
    """Handle all that the store holds behind the checkpoint, each event once, whatever crashes."""
    [[position]] = db.execute("SELECT position FROM checkpoint")
    db.begin()
    while events := store.read(position):
        for position, event in events:
            apply(db, event)
            db.execute("UPDATE checkpoint SET position = ?", [position])
