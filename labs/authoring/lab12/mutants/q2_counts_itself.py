# Counts the attempts itself, in the process.
# expect: lab12.q2 fails, hint=FOR_EVER

# answer: lab12.q2
from evlab import EvlabError

tries = {}


def handle(shop, event, attempt):
    """One delivery of an order."""
    order, items, cents = event.data["order"], event.data["items"], event.data["cents"]
    try:
        reserved = shop.reserve(order, order, items)
    except EvlabError as error:
        tries[order] = tries.get(order, 0) + 1
        if tries[order] < 3:
            raise
        shop.dead_letter(order, str(error))
        return
    if not reserved:
        shop.end(order, "refused")
    elif shop.charge(order, order, cents):
        shop.end(order, "paid")
    else:
        shop.release(order)
        shop.end(order, "declined")
