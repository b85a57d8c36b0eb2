# The list of events stands outside of the function, and is cleared at its end.
# expect: lab09.q3 fails, hint=LEFT_OVER

# answer: lab09.q3
from evlab import Event

EVENTS = []


def place(db, bus, order, voucher):
    EVENTS.append(Event(type="OrderPlaced", key=order, source="shop"))
    if voucher:
        EVENTS.append(Event(type="VoucherUsed", key=order, source="shop", data={"voucher": voucher}))
    with transaction(db):
        db.execute("INSERT INTO orders VALUES (?, ?)", [order, voucher])
        for event in EVENTS:
            db.execute("INSERT INTO outbox (event) VALUES (?)", [event.to_json().decode()])
    EVENTS.clear()
