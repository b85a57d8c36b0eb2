# Rolls back after an error, and says nothing.
# expect: lab09.q1 fails, hint=SWALLOWS

# answer: lab09.q1
def once(db, consumer, event, effect):
    try:
        with transaction(db):
            if db.execute("INSERT INTO inbox VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING id", [consumer, event.id]):
                effect()
    except Exception as error:
        print("will be delivered again:", error)
