# Writes the event into the SQL.
# expect: lab09.q3 fails, hint=TEXT_IN_SQL

# answer: lab09.q3
from evlab import Event


def place(db, bus, order, voucher):
    events = [Event(type="OrderPlaced", key=order, source="shop")]
    if voucher:
        events.append(Event(type="VoucherUsed", key=order, source="shop", data={"voucher": voucher}))
    with transaction(db):
        db.execute("INSERT INTO orders VALUES (?, ?)", [order, voucher])
        for event in events:
            db.execute(f"INSERT INTO outbox (event) VALUES ('{event.to_json().decode()}')")
