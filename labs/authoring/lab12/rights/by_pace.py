# Looks at the pace and the order numbers; raises and asserts in one line; ends before it releases; returns tuples.

# answer: lab12.q1
from collections import Counter


def find(day):
    found, looks, bank = {}, {}, {}
    for row in day["lag"]:
        looks.setdefault(row["partition"], []).append(row)
    for number, rows in looks.items():
        now, pace = rows[-1], rows[-1]["committed"] - rows[-3]["committed"]
        waits = day["records"][number][now["committed"]:]
        if len(waits) > 5 and pace == 0:
            found["poison record"] = waits[0][0]
        elif len(waits) > 5:
            (busiest, times), = Counter(customer for _, customer in waits).most_common(1)
            if times > 0.5 * len(waits):
                found["hot key"] = busiest
            elif pace <= 15:
                found["slow worker"] = now["owner"]
    for _, order, cents in day["ledger"]:
        bank[order] = bank.get(order, 0) + cents
    written = {order for records in day["records"].values() for order, _ in records}
    last = max(int(order[6:]) for order in written)
    rules = {"doubled payment": [order for order in bank if bank[order] > day["orders"][order]["cents"]],
             "lost event": [order for order in day["orders"] if order not in written and int(order[6:]) < last],
             "kept stock": [order for order in day["reserved"] if order in day["ends"]]}
    return found | {fault: orders[0] for fault, orders in rules.items() if orders}


# answer: lab12.q2
def handle(shop, event, attempt):
    order, items = event.data["order"], event.data["items"]
    try:
        assert sum(items.values()) > 0, "nothing ordered"
        reserved = shop.reserve(event.id, order, items)
    except Exception as error:
        if attempt < 3: raise RuntimeError(f"{order} can't be read") from error  # noqa: E701
        return shop.dead_letter(order, repr(error))
    if not reserved:
        return shop.end(order, "refused")
    if shop.charge(event.id, order, event.data["cents"]):
        return shop.end(order, "paid")
    shop.end(order, "declined")
    shop.release(event.id)


# answer: lab12.q3
from collections import defaultdict


def audit(day):
    money, sold = defaultdict(int), defaultdict(int)
    for _charge, order, cents in day["ledger"]:
        money[order] += cents
    for order, end in day["ends"].items():
        if end == "paid" and order in day["orders"]:
            money[order] -= day["orders"][order]["cents"]
            for sku, pieces in day["orders"][order]["items"].items():
                sold[sku] += pieces
    placed = day["orders"].keys()
    yes = {"open": placed - day["ends"].keys(),
           "overcharged": [order for order in placed if money[order] > 0],
           "undercharged": [order for order in placed if money[order] < 0],
           "stranger": {*day["ends"], *money} - placed,
           "stock": [sku for sku in day["before"] if day["before"][sku] - sold[sku] != day["after"][sku]]}
    return [(what, whose) for what, all_of_them in yes.items() for whose in all_of_them]
