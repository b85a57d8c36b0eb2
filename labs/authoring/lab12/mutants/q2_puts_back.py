# Puts the goods back while the bank is silent.
# expect: lab12.q2 fails, hint=PUT_BACK

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
        shop.release(order)
        raise
    if not paid:
        shop.release(order)
    shop.end(order, "paid" if paid else "declined")
