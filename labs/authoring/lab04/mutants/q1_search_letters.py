# Takes each letter for a word.
# expect: lab04.q1 fails, hint=LETTERS

# answer: lab04.q1
def apply(db, event):
    """Change list, search and report as this event asks for. No transaction: the caller has one."""
    if event.type == "OrderPlaced":
        data = event.data
        db.execute("INSERT INTO orders VALUES (?, ?, ?, ?, 'placed')",
                   [event.key, data["customer"], data["day"], data["cents"]])
        db.execute("INSERT INTO report VALUES (?, 1, ?) ON CONFLICT (day) DO UPDATE SET orders = orders + 1,"
                   " cents = cents + excluded.cents", [data["day"], data["cents"]])
        for word in data["items"].lower():
            db.execute("INSERT OR IGNORE INTO words VALUES (?, ?)", [word, event.key])
    elif event.type in ("OrderPaid", "OrderShipped"):
        status = "paid" if event.type == "OrderPaid" else "shipped"
        db.execute("UPDATE orders SET status = ? WHERE id = ?", [status, event.key])
    elif event.type == "OrderCancelled":
        for day, cents in db.execute("SELECT day, cents FROM orders WHERE id = ?", [event.key]):
            db.execute("UPDATE report SET orders = orders - 1, cents = cents - ? WHERE day = ?", [cents, day])
        db.execute("DELETE FROM orders WHERE id = ?", [event.key])
        db.execute("DELETE FROM words WHERE id = ?", [event.key])
