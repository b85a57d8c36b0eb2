# Reads once, and takes that for everything.
# expect: lab04.q2 fails, hint=ONE_PAGE_ONLY

# answer: lab04.q2
def catch_up(store, db):
    """Handle all that the store holds behind the checkpoint, each event once, whatever crashes."""
    [[position]] = db.execute("SELECT position FROM checkpoint")
    events = store.read(position)
    if events:
        for position, event in events:
            db.begin()
            apply(db, event)
            db.execute("UPDATE checkpoint SET position = ?", [position])
            db.commit()
