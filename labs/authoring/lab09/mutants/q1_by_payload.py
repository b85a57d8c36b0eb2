# Deduplicates by the payload.
# expect: lab09.q1 fails, hint=EQUAL_IS_COPY

# answer: lab09.q1
def once(db, consumer, event, effect):
    said = f"{event.type} {event.data}"
    with transaction(db):
        if db.execute("INSERT INTO inbox VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING id", [consumer, said]):
            effect()
