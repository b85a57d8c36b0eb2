# Marks, and does not look whether the mark was new.
# expect: lab09.q1 fails, hint=COPY_COUNTS

# answer: lab09.q1
def once(db, consumer, event, effect):
    with transaction(db):
        db.execute("INSERT INTO inbox VALUES (?, ?) ON CONFLICT DO NOTHING", [consumer, event.id])
        effect()
