# Saves the position that comes next, as a log would.
# expect: lab04.q2 fails, hint=WRONG_POSITION

# answer: lab04.q2
def catch_up(store, db):
    """Handle all that the store holds behind the checkpoint, each event once, whatever crashes."""
    [[position]] = db.execute("SELECT position FROM checkpoint")
    position = max(0, position - 1)
    while events := store.read(position):
        for position, event in events:
            db.begin()
            apply(db, event)
            db.execute("UPDATE checkpoint SET position = ?", [position + 1])
            db.commit()
