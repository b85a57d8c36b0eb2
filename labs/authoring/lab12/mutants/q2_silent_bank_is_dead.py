# A silent bank is a dead letter after three attempts.
# expect: lab12.q2 fails, hint=DEAD_TOO_SOON

# answer: lab12.q2
from evlab import EvlabError


def handle(shop, event, attempt):
    order, items, cents = event.data["order"], event.data["items"], event.data["cents"]
    try:
        if not shop.reserve(order, order, items):
            shop.end(order, "refused")
        elif shop.charge(order, order, cents):
            shop.end(order, "paid")
        else:
            shop.release(order)
            shop.end(order, "declined")
    except EvlabError as error:
        if attempt < 3:
            raise
        shop.dead_letter(order, str(error))
