# Writes each statement on its own.
# expect: lab04.q2 fails, hint=HALF_AN_EVENT

# answer: lab04.q2
def catch_up(store, db):
    """Handle all that the store holds behind the checkpoint, each event once, whatever crashes."""
    [[position]] = db.execute("SELECT position FROM checkpoint")
    while events := store.read(position):
        for position, event in events:
            apply(db, event)
            db.execute("UPDATE checkpoint SET position = ?", [position])
