# Drops pieces whose version is lower than what it has seen.
# expect: lab04.q3 fails, hint=DROPS_LATE_PIECES

# answer: lab04.q3
def on_event(db, event, version):
    """One delivery. It may be late, and it may be a copy."""
    if event.type == "PriceChanged":
        db.execute("INSERT INTO prices VALUES (?, ?, ?) ON CONFLICT (product) DO UPDATE SET cents = excluded.cents,"
                   " version = excluded.version WHERE excluded.version > version",
                   [event.key, event.data["cents"], version])
    if event.type == "ItemsSold":
        db.begin()
        newest = max([int(row[0].split("/")[1]) for row in db.execute("SELECT id FROM seen")
                      if row[0].startswith(event.key)], default=0)
        if version > newest:
            db.execute("INSERT OR IGNORE INTO seen VALUES (?)", [f"{event.key}/{version}"])
            db.execute("INSERT INTO sold VALUES (?, ?) ON CONFLICT (product) DO UPDATE SET pieces = pieces +"
                       " excluded.pieces", [event.key, event.data["pieces"]])
        db.commit()
