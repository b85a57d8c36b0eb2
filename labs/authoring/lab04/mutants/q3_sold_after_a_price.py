# Counts pieces only of products that had a price before.
# expect: lab04.q3 fails, hint=WRONG_PIECES

# answer: lab04.q3
def on_event(db, event, version):
    if event.type == "PriceChanged":
        db.execute("INSERT INTO prices VALUES (?, ?, ?) ON CONFLICT (product) DO UPDATE SET cents = excluded.cents,"
                   " version = excluded.version WHERE excluded.version > version",
                   [event.key, event.data["cents"], version])
    if event.type == "PriceChanged":
        db.execute("INSERT OR IGNORE INTO sold VALUES (?, 0)", [event.key])
    if event.type == "ItemsSold":
        db.begin()
        if not db.execute("SELECT 1 FROM seen WHERE id = ?", [event.id]):
            db.execute("INSERT INTO seen VALUES (?)", [event.id])
            db.execute("UPDATE sold SET pieces = pieces + ? WHERE product = ?", [event.data["pieces"], event.key])
        db.commit()
