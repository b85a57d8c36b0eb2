# Begins by hand, and a copy returns without an end.
# expect: lab09.q1 fails, hint=LEFT_OPEN

# answer: lab09.q1
def once(db, consumer, event, effect):
    db.begin()
    if db.execute("SELECT 1 FROM inbox WHERE consumer = ? AND id = ?", [consumer, event.id]):
        return
    db.execute("INSERT INTO inbox VALUES (?, ?)", [consumer, event.id])
    effect()
    db.commit()
