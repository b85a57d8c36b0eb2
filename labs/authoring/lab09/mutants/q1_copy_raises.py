# Leaves the copy to the primary key, which raises.
# expect: lab09.q1 fails, hint=COPY_RAISES

# answer: lab09.q1
def once(db, consumer, event, effect):
    with transaction(db):
        db.execute("INSERT INTO inbox VALUES (?, ?)", [consumer, event.id])
        effect()
