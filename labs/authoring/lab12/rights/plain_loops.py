# Plain loops and sums, another order of the rules; the handler names its steps.

# answer: lab12.q1
def lag(row):
    return row["end"] - row["committed"]


def find(day):
    found = {}
    found.update(in_the_books(day))
    slow = {}
    for number, records in day["records"].items():
        rows = [row for row in day["lag"] if row["partition"] == number and row["minute"] >= 20]
        first, last = rows[0], rows[-1]
        if lag(last) == 0 or lag(last) <= lag(first) + 3:
            continue
        if len({row["committed"] for row in rows}) == 1:
            found["poison record"] = records[last["committed"]][0]
            continue
        names = [name for _, name in records[last["committed"]:]]
        busiest = max(names, key=names.count)
        if 2 * names.count(busiest) > len(names):
            found["hot key"] = busiest
        else:
            slow[last["owner"]] = slow.get(last["owner"], 0) + 1
    for owner, count in slow.items():
        if count > 1:
            found["slow worker"] = owner
    return found


def in_the_books(day):
    found, sums, seen = {}, {}, set()
    for _charge, order, cents in day["ledger"]:
        sums[order] = sums.get(order, 0) + cents
    for order in sums:
        if sums[order] >= 2 * day["orders"][order]["cents"]:
            found["doubled payment"] = order
    for records in day["records"].values():
        seen.update(order for order, _ in records)
    last = max(day["orders"][order]["minute"] for order in seen)
    lost = [order for order in day["orders"] if order not in seen and day["orders"][order]["minute"] < last]
    if lost:
        found["lost event"] = lost[0]
    kept = [order for order in day["reserved"] if day["ends"].get(order)]
    if kept:
        found["kept stock"] = kept[0]
    return found


# answer: lab12.q2
from evlab import Timeout


def handle(shop, event, attempt):
    order = event.data["order"]
    try:
        in_stock = shop.reserve(f"reserve {order}", order, event.data["items"])
        paid = in_stock and shop.charge(f"charge {order}", order, event.data["cents"])
    except Timeout:
        raise
    except Exception as error:
        if attempt >= 3:
            return shop.dead_letter(order, f"{type(error).__name__}: {error}")
        raise
    if in_stock and not paid:
        shop.release(f"reserve {order}")
    shop.end(order, "paid" if paid else "declined" if in_stock else "refused")


# answer: lab12.q3
def audit(day):
    orders, ends, ledger = day["orders"], day["ends"], day["ledger"]
    found = [("open", order) for order in orders if order not in ends]
    for order in orders:
        kept = sum(cents for _, whose, cents in ledger if whose == order)
        due = orders[order]["cents"] * (ends.get(order) == "paid")
        if kept > due:
            found.append(("overcharged", order))
        if kept < due:
            found.append(("undercharged", order))
    for order in dict.fromkeys([*ends, *(line[1] for line in ledger)]):
        if order not in orders:
            found.append(("stranger", order))
    for sku in day["before"]:
        sold = sum(orders[order]["items"].get(sku, 0) for order in orders if ends.get(order) == "paid")
        if day["before"][sku] - sold != day["after"][sku]:
            found.append(("stock", sku))
    return [list(one) for one in found]
