# Any error is swallowed: the record counts as done.
# expect: lab12.q2 fails, hint=NO_END

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
    except EvlabError:
        pass
