# Catches the error of the effect, and commits the mark.
# expect: lab09.q1 fails, hint=SWALLOWS

# answer: lab09.q1
def once(db, consumer, event, effect):
    with transaction(db):
        if db.execute("INSERT INTO inbox VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING id", [consumer, event.id]):
            try:
                effect()
            except Exception as error:
                print("not done:", error)
