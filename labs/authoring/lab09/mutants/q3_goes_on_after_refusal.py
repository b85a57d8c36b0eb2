# Catches the refusal of the row, and notes the events all the same.
# expect: lab09.q3 fails, hint=EVENT_ONLY

# answer: lab09.q3
from evlab import Event, EvlabError


def place(db, bus, order, voucher):
    events = [Event(type="OrderPlaced", key=order, source="shop")]
    if voucher:
        events.append(Event(type="VoucherUsed", key=order, source="shop", data={"voucher": voucher}))
    with transaction(db):
        try:
            db.execute("INSERT INTO orders VALUES (?, ?)", [order, voucher])
        except EvlabError as error:
            print("is there already:", error)
        for event in events:
            db.execute("INSERT INTO outbox (event) VALUES (?)", [event.to_json().decode()])
