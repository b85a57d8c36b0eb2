# After ten attempts a silent bank is a dead letter.
# expect: lab12.q2 fails, hint=DEAD_TOO_SOON

# answer: lab12.q2
from evlab import EvlabError, Timeout


def handle(shop, event, attempt):
    """One delivery of an order."""
    order, items, cents = event.data["order"], event.data["items"], event.data["cents"]
    try:
        reserved = shop.reserve(order, order, items)
    except EvlabError as error:
        if attempt < 3:
            raise
        shop.dead_letter(order, str(error))
        return
    if not reserved:
        return shop.end(order, "refused")
    try:
        paid = shop.charge(order, order, cents)
    except Timeout:
        if attempt < 10:
            raise
        return shop.dead_letter(order, "the bank is silent")
    if not paid:
        shop.release(order)
    shop.end(order, "paid" if paid else "declined")
