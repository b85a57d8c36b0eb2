# Begins by hand, and does not commit.
# expect: lab09.q3 fails, hint=NOT_COMMITTED

# answer: lab09.q3
from evlab import Event


def place(db, bus, order, voucher):
    events = [Event(type="OrderPlaced", key=order, source="shop")]
    if voucher:
        events.append(Event(type="VoucherUsed", key=order, source="shop", data={"voucher": voucher}))

    db.begin()
    db.execute("INSERT INTO orders VALUES (?, ?)", [order, voucher])
    for event in events:
        db.execute("INSERT INTO outbox (event) VALUES (?)", [event.to_json().decode()])
