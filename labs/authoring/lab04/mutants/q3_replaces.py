# Replaces the row, whatever its version.
# expect: lab04.q3 fails, hint=LATE_PRICE_WINS

# answer: lab04.q3
def on_event(db, event, version):
    """One delivery. It may be late, and it may be a copy."""
    if event.type == "PriceChanged":
        db.execute("INSERT OR REPLACE INTO prices VALUES (?, ?, ?)", [event.key, event.data["cents"], version])
    if event.type == "ItemsSold":
        db.begin()
        if not db.execute("SELECT 1 FROM seen WHERE id = ?", [event.id]):
            db.execute("INSERT INTO seen VALUES (?)", [event.id])
            db.execute("INSERT INTO sold VALUES (?, ?) ON CONFLICT (product) DO UPDATE SET pieces = pieces +"
                       " excluded.pieces", [event.key, event.data["pieces"]])
        db.commit()
