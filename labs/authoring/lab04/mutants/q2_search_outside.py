# Gives list and report a transaction, and leaves the search outside of it.
# expect: lab04.q2 fails, hint=HALF_AN_EVENT

# answer: lab04.q1
def apply(db, event):
    """Change list, search and report as this event asks for. No transaction: the caller has one."""
    if event.type == "OrderPlaced":
        data = event.data
        for word in data["items"].lower().split():
            db.execute("INSERT OR IGNORE INTO words VALUES (?, ?)", [word, event.key])
        db.begin()
        db.execute("INSERT INTO orders VALUES (?, ?, ?, ?, 'placed')",
                   [event.key, data["customer"], data["day"], data["cents"]])
        db.execute("INSERT INTO report VALUES (?, 1, ?) ON CONFLICT (day) DO UPDATE SET orders = orders + 1,"
                   " cents = cents + excluded.cents", [data["day"], data["cents"]])
        db.commit()
    elif event.type in ("OrderPaid", "OrderShipped"):
        status = "paid" if event.type == "OrderPaid" else "shipped"
        db.execute("UPDATE orders SET status = ? WHERE id = ?", [status, event.key])
    elif event.type == "OrderCancelled":
        db.execute("DELETE FROM words WHERE id = ?", [event.key])
        db.begin()
        for day, cents in db.execute("SELECT day, cents FROM orders WHERE id = ?", [event.key]):
            db.execute("UPDATE report SET orders = orders - 1, cents = cents - ? WHERE day = ?", [cents, day])
        db.execute("DELETE FROM orders WHERE id = ?", [event.key])
        db.commit()


# answer: lab04.q2
def catch_up(store, db):
    """Handle all that the store holds behind the checkpoint, each event once, whatever crashes."""
    [[position]] = db.execute("SELECT position FROM checkpoint")
    while events := store.read(position):
        for position, event in events:
            apply(db, event)
            db.execute("UPDATE checkpoint SET position = ?", [position])
