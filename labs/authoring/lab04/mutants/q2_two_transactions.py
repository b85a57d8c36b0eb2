# Gives the checkpoint a transaction of its own.
# expect: lab04.q2 fails, hint=TWICE_AFTER_CRASH

# answer: lab04.q2
def catch_up(store, db):
    """Handle all that the store holds behind the checkpoint, each event once, whatever crashes."""
    [[position]] = db.execute("SELECT position FROM checkpoint")
    while events := store.read(position):
        for position, event in events:
            db.begin()
            apply(db, event)
            db.commit()
            db.begin()
            db.execute("UPDATE checkpoint SET position = ?", [position])
            db.commit()
