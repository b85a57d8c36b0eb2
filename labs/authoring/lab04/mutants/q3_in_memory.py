# Remembers what it has seen in the process.
# expect: lab04.q3 fails, hint=DONE_NOT_MARKED

# answer: lab04.q3
SEEN = set()


def on_event(db, event, version):
    """One delivery. It may be late, and it may be a copy."""
    if event.type == "PriceChanged":
        db.execute("INSERT INTO prices VALUES (?, ?, ?) ON CONFLICT (product) DO UPDATE SET cents = excluded.cents,"
                   " version = excluded.version WHERE excluded.version > version",
                   [event.key, event.data["cents"], version])
    if event.type == "ItemsSold":
        db.begin()
        if event.id not in SEEN:
            SEEN.add(event.id)
            db.execute("INSERT INTO sold VALUES (?, ?) ON CONFLICT (product) DO UPDATE SET pieces = pieces +"
                       " excluded.pieces", [event.key, event.data["pieces"]])
        db.commit()
