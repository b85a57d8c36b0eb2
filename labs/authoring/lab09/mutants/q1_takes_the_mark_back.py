# Marks first, and takes the mark back if the effect raises: a crash does not.
# expect: lab09.q1 fails, hint=MARKED_NOT_DONE

# answer: lab09.q1
def once(db, consumer, event, effect):
    if db.execute("INSERT INTO inbox VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING id", [consumer, event.id]):
        try:
            effect()
        except Exception:
            db.execute("DELETE FROM inbox WHERE consumer = ? AND id = ?", [consumer, event.id])
            raise
