# Compares with the highest version of any product.
# expect: lab04.q3 fails, hint=WRONG_PRICE

# answer: lab04.q3
def on_event(db, event, version):
    """One delivery. It may be late, and it may be a copy."""
    if event.type == "PriceChanged":
        [[newest]] = db.execute("SELECT coalesce(max(version), 0) FROM prices")
        if version > newest:
            db.execute("INSERT OR REPLACE INTO prices VALUES (?, ?, ?)", [event.key, event.data["cents"], version])
    if event.type == "ItemsSold":
        db.begin()
        if not db.execute("SELECT 1 FROM seen WHERE id = ?", [event.id]):
            db.execute("INSERT INTO seen VALUES (?)", [event.id])
            db.execute("INSERT INTO sold VALUES (?, ?) ON CONFLICT (product) DO UPDATE SET pieces = pieces +"
                       " excluded.pieces", [event.key, event.data["pieces"]])
        db.commit()
