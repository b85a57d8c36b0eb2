# The id is Python's hash of the order, which is another number in each process.
# expect: lab12.q2 fails, hint=CHARGED_AGAIN

# answer: lab12.q2
from evlab import EvlabError


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
        shop.end(order, "refused")
    elif shop.charge(str(hash(order)), order, cents):
        shop.end(order, "paid")
    else:
        shop.release(order)
        shop.end(order, "declined")
