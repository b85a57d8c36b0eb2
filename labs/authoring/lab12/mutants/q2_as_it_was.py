# The handler of the text: new ids, no undo, no end for a no.
# expect: lab12.q2 fails, hint=WRONG_END

# answer: lab12.q2
def handle(shop, event, attempt):
    order, items, cents = event.data["order"], event.data["items"], event.data["cents"]
    if shop.reserve(order, order, items):
        shop.charge(order, order, cents)
        shop.end(order, "paid")
