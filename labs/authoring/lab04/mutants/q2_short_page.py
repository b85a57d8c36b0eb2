# Takes a page of one event for the last.
# expect: lab04.q2 fails, hint=ONE_PAGE_ONLY

# answer: lab04.q2
def catch_up(store, db):
    position = db.execute("SELECT position FROM checkpoint")[0][0]
    while True:
        events = store.read(position)
        for position, event in events:
            db.begin()
            apply(db, event)
            db.execute("UPDATE checkpoint SET position = ?", [position])
            db.commit()
        if len(events) < 2:
            break
