# Adds a row to the checkpoint for each event.
# expect: lab04.q2 fails, hint=CHECKPOINT_ROWS

# answer: lab04.q2
def catch_up(store, db):
    """Handle all that the store holds behind the checkpoint, each event once, whatever crashes."""
    [[position]] = db.execute("SELECT max(position) FROM checkpoint")
    while events := store.read(position):
        for position, event in events:
            db.begin()
            apply(db, event)
            db.execute("INSERT INTO checkpoint VALUES (?)", [position])
            db.commit()
