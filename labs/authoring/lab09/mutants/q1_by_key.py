# Deduplicates by what the event is about.
# expect: lab09.q1 fails, hint=EQUAL_IS_COPY

# answer: lab09.q1
def once(db, consumer, event, effect):
    mark = "INSERT INTO inbox VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING id"
    with transaction(db):
        if db.execute(mark, [consumer, event.key]):
            effect()
