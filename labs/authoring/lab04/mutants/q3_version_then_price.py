# Writes the version, and then the price, with a commit between them.
# expect: lab04.q3 fails, hint=MARKED_NOT_DONE

# answer: lab04.q3
def on_event(db, event, version):
    if event.type == "PriceChanged":
        if not db.execute("SELECT 1 FROM prices WHERE product = ?", [event.key]):
            db.execute("INSERT INTO prices VALUES (?, 0, 0)", [event.key])
        if db.execute("SELECT version FROM prices WHERE product = ?", [event.key])[0][0] < version:
            db.execute("UPDATE prices SET version = ? WHERE product = ?", [version, event.key])
            db.execute("UPDATE prices SET cents = ? WHERE product = ?", [event.data["cents"], event.key])
    if event.type == "ItemsSold":
        db.begin()
        if not db.execute("SELECT 1 FROM seen WHERE id = ?", [event.id]):
            db.execute("INSERT INTO seen VALUES (?)", [event.id])
            db.execute("INSERT INTO sold VALUES (?, ?) ON CONFLICT (product) DO UPDATE SET pieces = pieces +"
                       " excluded.pieces", [event.key, event.data["pieces"]])
        db.commit()
