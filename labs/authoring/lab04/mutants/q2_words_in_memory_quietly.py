# Keeps the words of each order in a variable, and does not mind when they are gone.
# expect: lab04.q2 fails, hint=MEMORY_IS_GONE

# answer: lab04.q1
known = {}


def apply(db, event):
    """Change list, search and report as this event asks for. No transaction: the caller has one."""
    if event.type == "OrderPlaced":
        data = event.data
        db.execute("INSERT INTO orders VALUES (?, ?, ?, ?, 'placed')",
                   [event.key, data["customer"], data["day"], data["cents"]])
        db.execute("INSERT INTO report VALUES (?, 1, ?) ON CONFLICT (day) DO UPDATE SET orders = orders + 1,"
                   " cents = cents + excluded.cents", [data["day"], data["cents"]])
        known[event.key] = set(data["items"].lower().split())
        for word in known[event.key]:
            db.execute("INSERT INTO words VALUES (?, ?)", [word, event.key])
    elif event.type in ("OrderPaid", "OrderShipped"):
        status = "paid" if event.type == "OrderPaid" else "shipped"
        db.execute("UPDATE orders SET status = ? WHERE id = ?", [status, event.key])
    elif event.type == "OrderCancelled":
        for day, cents in db.execute("SELECT day, cents FROM orders WHERE id = ?", [event.key]):
            db.execute("UPDATE report SET orders = orders - 1, cents = cents - ? WHERE day = ?", [cents, day])
        db.execute("DELETE FROM orders WHERE id = ?", [event.key])
        for word in known.pop(event.key, ()):
            db.execute("DELETE FROM words WHERE word = ? AND id = ?", [word, event.key])
