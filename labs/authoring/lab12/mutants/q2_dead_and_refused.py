# A dead letter that has an end as well.
# expect: lab12.q2 fails, hint=WRONG_END

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
        shop.end(order, "refused")
        return
    if not reserved:
        shop.end(order, "refused")
    elif shop.charge(order, order, cents):
        shop.end(order, "paid")
    else:
        shop.release(order)
        shop.end(order, "declined")
