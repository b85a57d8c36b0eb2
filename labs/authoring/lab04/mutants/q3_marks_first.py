# Marks the event, and then does the work, each on its own.
# expect: lab04.q3 fails, hint=MARKED_NOT_DONE

# answer: lab04.q3
def on_event(db, event, version):
    """One delivery. It may be late, and it may be a copy."""
    if event.type == "PriceChanged":
        db.execute("INSERT INTO prices VALUES (?, ?, ?) ON CONFLICT (product) DO UPDATE SET cents = excluded.cents,"
                   " version = excluded.version WHERE excluded.version > version",
                   [event.key, event.data["cents"], version])
    if event.type == "ItemsSold":
        if not db.execute("SELECT 1 FROM seen WHERE id = ?", [event.id]):
            db.execute("INSERT INTO seen VALUES (?)", [event.id])
            db.execute("INSERT INTO sold VALUES (?, ?) ON CONFLICT (product) DO UPDATE SET pieces = pieces +"
                       " excluded.pieces", [event.key, event.data["pieces"]])
