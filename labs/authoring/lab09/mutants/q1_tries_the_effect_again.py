# An effect that fails is called once more.
# expect: lab09.q1 fails, hint=HALF_AN_EFFECT

# answer: lab09.q1
def once(db, consumer, event, effect):
    with transaction(db):
        if db.execute("INSERT INTO inbox VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING id", [consumer, event.id]):
            try:
                effect()
            except Exception:
                effect()
