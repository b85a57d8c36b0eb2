# A newer version with the same price is not written.
# expect: lab04.q3 fails, hint=LATE_PRICE_WINS

# answer: lab04.q3
def on_event(db, event, version):
    if event.type == "PriceChanged":
        db.execute("INSERT INTO prices VALUES (?, ?, ?) ON CONFLICT (product) DO UPDATE SET cents = excluded.cents,"
                   " version = excluded.version WHERE excluded.version > version + 0 AND excluded.cents <> cents",
                   [event.key, event.data["cents"], version])
    if event.type == "ItemsSold":
        db.begin()
        if not db.execute("SELECT 1 FROM seen WHERE id = ?", [event.id]):
            db.execute("INSERT INTO seen VALUES (?)", [event.id])
            db.execute("INSERT INTO sold VALUES (?, ?) ON CONFLICT (product) DO UPDATE SET pieces = pieces +"
                       " excluded.pieces", [event.key, event.data["pieces"]])
        db.commit()
