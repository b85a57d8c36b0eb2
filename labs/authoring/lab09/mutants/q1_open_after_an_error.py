# Begins by hand, and an error leaves it open.
# expect: lab09.q1 fails, hint=LEFT_OPEN

# answer: lab09.q1
def once(db, consumer, event, effect):
    db.begin()
    if db.execute("INSERT INTO inbox VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING id", [consumer, event.id]):
        effect()
    db.commit()
