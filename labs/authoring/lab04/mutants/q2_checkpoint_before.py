# Moves the checkpoint, and then does the work.
# expect: lab04.q2 fails, hint=LOST_IN_CRASH

# answer: lab04.q2
def catch_up(store, db):
    """Handle all that the store holds behind the checkpoint, each event once, whatever crashes."""
    [[position]] = db.execute("SELECT position FROM checkpoint")
    while events := store.read(position):
        for position, event in events:
            db.execute("UPDATE checkpoint SET position = ?", [position])
            db.begin()
            apply(db, event)
            db.commit()
