# Saves the end of the page with its first event.
# expect: lab04.q2 fails, hint=LOST_IN_CRASH

# answer: lab04.q2
def catch_up(store, db):
    """Handle all that the store holds behind the checkpoint, each event once, whatever crashes."""
    [[position]] = db.execute("SELECT position FROM checkpoint")
    while events := store.read(position):
        for position, event in events:
            db.begin()
            apply(db, event)
            db.execute("UPDATE checkpoint SET position = ?", [events[-1][0]])
            db.commit()
