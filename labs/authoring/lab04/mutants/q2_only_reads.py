# Moves the checkpoint, and applies nothing.
# expect: lab04.q2 fails, hint=NOTHING_DONE

# answer: lab04.q2
def catch_up(store, db):
    """Handle all that the store holds behind the checkpoint, each event once, whatever crashes."""
    [[position]] = db.execute("SELECT position FROM checkpoint")
    while events := store.read(position):
        for position, event in events:
            db.begin()
            db.execute("UPDATE checkpoint SET position = ?", [position])
            db.commit()
