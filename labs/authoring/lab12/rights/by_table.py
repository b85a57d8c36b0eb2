# Rules as small functions, each of which asks one question of the day; a handler that asks before it acts.

# answer: lab12.q1
from collections import Counter


def find(day):
    rules = {"doubled payment": doubled, "lost event": lost, "kept stock": kept, "poison record": poison,
             "hot key": hot, "slow worker": slow}
    named = {fault: rule(day) for fault, rule in rules.items()}
    return {fault: culprit for fault, culprit in named.items() if culprit}


def shape(day, number):
    rows = [row for row in day["lag"] if row["partition"] == number]
    then, now = rows[len(rows) // 2], rows[-1]
    waits, waited = now["end"] - now["committed"], then["end"] - then["committed"]
    if waits < 5 or waits <= waited:
        return "well", now
    return ("stands" if now["committed"] == then["committed"] else "falls behind"), now


def waiting(day, number):
    return day["records"][number][shape(day, number)[1]["committed"]:]


def poison(day):
    return next((waiting(day, number)[0][0] for number in day["records"] if shape(day, number)[0] == "stands"), None)


def dominant(day, number):
    name, times = Counter(name for _, name in waiting(day, number)).most_common(1)[0]
    return name if times * 2 > len(waiting(day, number)) else None


def behind(day):
    return [number for number in day["records"] if shape(day, number)[0] == "falls behind"]


def hot(day):
    return next((name for number in behind(day) if (name := dominant(day, number))), None)


def slow(day):
    owners = Counter(shape(day, number)[1]["owner"] for number in behind(day) if not dominant(day, number))
    return next((owner for owner, times in owners.items() if times == 2), None)


def doubled(day):
    sums = Counter()
    for _, order, cents in day["ledger"]:
        sums[order] += cents
    return next((order for order in sums if sums[order] > day["orders"][order]["cents"]), None)


def lost(day):
    written = {order for records in day["records"].values() for order, _ in records}
    order_of_coming = list(day["orders"])
    newest = max(order_of_coming.index(order) for order in written)
    return next((order for order in order_of_coming[:newest] if order not in written), None)


def kept(day):
    return next((order for order in day["reserved"] if order in day["ends"]), None)


# answer: lab12.q2
def handle(shop, event, attempt):
    order, items = event.data["order"], event.data["items"]
    if not all(isinstance(pieces, int) for pieces in items.values()):
        if attempt < 3:
            raise ValueError(f"{order} has quantities that are no numbers")
        shop.dead_letter(order, "quantities that are no numbers")
    elif not shop.reserve("r-" + order, order, items):
        shop.end(order, "refused")
    elif not shop.charge("c-" + order, order, event.data["cents"]):
        shop.release("r-" + order)
        shop.end(order, "declined")
    else:
        shop.end(order, "paid")
