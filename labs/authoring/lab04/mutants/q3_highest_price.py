# Keeps the highest price, and not the price of the highest version.
# expect: lab04.q3 fails, hint=PRICE_STUCK

# answer: lab04.q3
def on_event(db, event, version):
    db.begin()
    if not db.execute("SELECT 1 FROM seen WHERE id = ?", [event.id]):
        db.execute("INSERT INTO seen VALUES (?)", [event.id])
        if event.type == "PriceChanged":
            db.execute("INSERT INTO prices VALUES (?, ?, ?) ON CONFLICT (product) DO UPDATE SET cents = excluded.cents,"
                       " version = excluded.version WHERE excluded.cents > cents",
                       [event.key, event.data["cents"], version])
        else:
            db.execute("INSERT INTO sold VALUES (?, ?) ON CONFLICT (product) DO UPDATE SET"
                       " pieces = pieces + excluded.pieces", [event.key, event.data["pieces"]])
    db.commit()
