# Its report is a default value: the next day begins with it.
# expect: lab12.q1 fails, hint=REMEMBERS

# answer: lab12.q1
from collections import Counter


def find(day, found={}):
    """The faults of a day, each with its culprit."""
    behind = {}  # by owner: his partitions that fall behind although they move
    for partition, records in day["records"].items():
        looks = [row for row in day["lag"] if row["partition"] == partition]
        before, now = looks[-4], looks[-1]
        if now["committed"] == before["committed"] and now["end"] > before["end"]:
            found["poison record"] = records[now["committed"]][0]  # what is read next
        elif now["end"] - now["committed"] > before["end"] - before["committed"] + 5:
            customer, times = Counter(name for _, name in records[now["committed"]:]).most_common(1)[0]
            if times > (now["end"] - now["committed"]) / 2:
                found["hot key"] = customer
            else:
                behind.setdefault(now["owner"], []).append(partition)
    for owner, partitions in behind.items():
        if len(partitions) == 2:
            found["slow worker"] = owner
    paid = Counter()
    for _, order, cents in day["ledger"]:
        paid[order] += cents
    for order, cents in paid.items():
        if cents > day["orders"][order]["cents"]:
            found["doubled payment"] = order
    written = {order for records in day["records"].values() for order, _ in records}
    newest = max(day["orders"][order]["minute"] for order in written)
    for order, facts in day["orders"].items():
        if order not in written and facts["minute"] <= newest:
            found["lost event"] = order
    for order in day["reserved"]:
        if day["ends"].get(order) == "declined":
            found["kept stock"] = order
    return found
