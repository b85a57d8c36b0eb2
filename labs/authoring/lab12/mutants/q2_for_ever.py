# Tries a bad record for ever.
# expect: lab12.q2 fails, hint=FOR_EVER

# answer: lab12.q2
def handle(shop, event, attempt):
    order, items, cents = event.data["order"], event.data["items"], event.data["cents"]
    if not shop.reserve(order, order, items):
        shop.end(order, "refused")
    elif shop.charge(order, order, cents):
        shop.end(order, "paid")
    else:
        shop.release(order)
        shop.end(order, "declined")
