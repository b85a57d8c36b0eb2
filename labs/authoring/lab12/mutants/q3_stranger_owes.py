# A stranger is due nothing, so he is overcharged, too.
# expect: lab12.q3 fails, hint=STRANGER

# answer: lab12.q3
from collections import Counter


def audit(day):
    """What does not agree in the books of a day."""
    findings, kept, left = [], Counter(), Counter(day["before"])
    for _, order, cents in day["ledger"]:
        kept[order] += cents
    for order, facts in day["orders"].items():
        end = day["ends"].get(order)
        if end is None:
            findings.append(["open", order])
        due = facts["cents"] if end == "paid" else 0
        if kept[order] != due:
            findings.append(["overcharged" if kept[order] > due else "undercharged", order])
        if end == "paid":
            left.subtract(facts["items"])
    strangers = (set(day["ends"]) | set(kept)) - set(day["orders"])
    findings += [["stranger", order] for order in sorted(strangers)]
    findings += [["overcharged", order] for order in sorted(strangers) if kept[order] > 0]
    findings += [["stock", sku] for sku in day["before"] if left[sku] != day["after"][sku]]
    return findings
