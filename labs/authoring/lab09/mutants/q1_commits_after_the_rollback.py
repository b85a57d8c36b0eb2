# Rolls back after an error, and goes on to the commit.
# expect: lab09.q1 fails, hint=ENDED_TWICE

# answer: lab09.q1
def once(db, consumer, event, effect):
    db.begin()
    try:
        if db.execute("INSERT INTO inbox VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING id", [consumer, event.id]):
            effect()
    except Exception as error:
        print(error)
        db.rollback()
    db.commit()
