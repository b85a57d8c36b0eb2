# Never writes down how far it has read.
# expect: lab04.q2 fails, hint=WRONG_POSITION

# answer: lab04.q2
def catch_up(store, db):
    """Handle all that the store holds behind the checkpoint, each event once, whatever crashes."""
    [[position]] = db.execute("SELECT position FROM checkpoint")
    while events := store.read(position):
        for position, event in events:
            db.begin()
            apply(db, event)
            db.commit()
