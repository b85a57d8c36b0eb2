# Charges the card, and looks for the goods then.
# expect: lab12.q2 fails, hint=CHARGED_FOR_NOTHING

# answer: lab12.q2
from evlab import EvlabError


def handle(shop, event, attempt):
    order, items, cents = event.data["order"], event.data["items"], event.data["cents"]
    if not shop.charge(order, order, cents):
        return shop.end(order, "declined")
    try:
        reserved = shop.reserve(order, order, items)
    except EvlabError as error:
        if attempt < 3:
            raise
        return shop.dead_letter(order, str(error))
    shop.end(order, "paid" if reserved else "refused")
