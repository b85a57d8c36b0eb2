# Rolls back where it should commit.
# expect: lab04.q2 fails, hint=NOTHING_DONE

# answer: lab04.q2
def catch_up(store, db):
    """Handle all that the store holds behind the checkpoint, each event once, whatever crashes."""
    [[position]] = db.execute("SELECT position FROM checkpoint")
    while events := store.read(position):
        for position, event in events:
            db.begin()
            apply(db, event)
            db.execute("UPDATE checkpoint SET position = ?", [position])
            db.rollback()
