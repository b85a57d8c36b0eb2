# Another error comes out than the effect's.
# expect: lab09.q1 fails, hint=OTHER_ERROR

# answer: lab09.q1
def once(db, consumer, event, effect):
    with transaction(db):
        if db.execute("INSERT INTO inbox VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING id", [consumer, event.id]):
            try:
                effect()
            except Exception as error:
                raise RuntimeError("not handled") from error
