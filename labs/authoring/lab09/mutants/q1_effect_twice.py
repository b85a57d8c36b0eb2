# Calls the effect to see whether it works, and again.
# expect: lab09.q1 fails, hint=EFFECT_TWICE

# answer: lab09.q1
def once(db, consumer, event, effect):
    mark = "INSERT INTO inbox VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING id"
    with transaction(db):
        if db.execute(mark, [consumer, event.id]):
            effect()
            effect()
