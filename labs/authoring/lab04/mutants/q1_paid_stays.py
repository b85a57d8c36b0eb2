# An order that is paid stays when it is cancelled.
# expect: lab04.q1 fails, hint=STILL_LISTED

# answer: lab04.q1
def apply(db, event):
    if event.type == "OrderPlaced":
        data = event.data
        db.execute("INSERT INTO orders VALUES (?, ?, ?, ?, 'placed')",
                   [event.key, data["customer"], data["day"], data["cents"]])
        db.execute("INSERT INTO report VALUES (?, 1, ?) ON CONFLICT (day) DO UPDATE SET orders = orders + 1,"
                   " cents = cents + excluded.cents", [data["day"], data["cents"]])
        for word in set(data["items"].lower().split()):
            db.execute("INSERT INTO words VALUES (?, ?)", [word, event.key])
    elif event.type in ("OrderPaid", "OrderShipped"):
        db.execute("UPDATE orders SET status = ? WHERE id = ?", [event.type[5:].lower(), event.key])
    elif event.type == "OrderCancelled":
        for day, cents in db.execute("SELECT day, cents FROM orders WHERE id = ?", [event.key]):
            db.execute("UPDATE report SET orders = orders - 1, cents = cents - ? WHERE day = ?", [cents, day])
        db.execute("DELETE FROM orders WHERE id = ? AND status = 'placed'", [event.key])
        db.execute("DELETE FROM words WHERE id = ?", [event.key])
