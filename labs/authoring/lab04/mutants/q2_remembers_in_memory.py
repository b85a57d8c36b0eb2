# Keeps the checkpoint in a variable of the process.
# expect: lab04.q2 fails, hint=STARTS_AGAIN

# answer: lab04.q2
POSITION = 0


def catch_up(store, db):
    global POSITION
    while events := store.read(POSITION):
        for position, event in events:
            db.begin()
            apply(db, event)
            db.execute("UPDATE checkpoint SET position = ?", [position])
            db.commit()
            POSITION = position
