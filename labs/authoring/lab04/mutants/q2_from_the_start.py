# Reads from the first event each time.
# expect: lab04.q2 fails, hint=STARTS_AGAIN

# answer: lab04.q2
def catch_up(store, db):
    """Handle all that the store holds behind the checkpoint, each event once, whatever crashes."""
    position = 0
    while events := store.read(position):
        for position, event in events:
            db.begin()
            apply(db, event)
            db.execute("UPDATE checkpoint SET position = ?", [position])
            db.commit()
