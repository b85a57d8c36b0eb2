# Works if the id is known, and not if it is new.
# expect: lab09.q1 fails, hint=NO_EFFECT

# answer: lab09.q1
def once(db, consumer, event, effect):
    mark = "INSERT INTO inbox VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING id"
    with transaction(db):
        if not db.execute(mark, [consumer, event.id]):
            effect()
