# Whole gigabytes and floats without a point; what is computed is rounded late; the brief's name is looked at.

# answer: lab11.q1
def estimate(brief):
    window = brief["outage"] + brief["catch_up"]
    work = brief["a_day"] * brief["peak"] * brief["takes"] * window / (86_400 * brief["catch_up"])
    size = brief["a_day"] * brief["bytes"] * brief["days"] * brief["copies"]
    return {"gigabytes": -(-size // 10**9), "partitions": -(-round(work, 6) // 1)}



# answer: lab11.q2
def receipts(brief):
    assert brief["name"] == "receipts"
    need = estimate({**brief, "takes": brief["takes"]["mail"]})["partitions"]
    return {"key": "order", "partitions": need + 2, "groups": {"mail": "first", "analytics": "second"},
            "consumers": {"mail": need + 2, "analytics": 1.0}}



# answer: lab11.q3
def stock(brief):
    rate, best = brief["a_day"] / 86_400 * brief["peak"], brief["best_seller"]
    debt, count = 1 + brief["outage"] / brief["catch_up"], 1
    while rate * (best + (1 - best) / count) * brief["takes"]["shelf"] * debt > 0.85:
        count += 1
    hours = brief["longest_hours"] + 6
    return {"key": "item", "partitions": count, "groups": {"shelf": "shelf", "search": "search"},
            "consumers": {"shelf": count, "search": 3}, "retention_hours": hours,
            "gigabytes": 1.25 * brief["a_day"] * hours / 24 * brief["bytes"] * brief["copies"] / 1e9}



# answer: lab11.q4
def money(brief):
    hours = brief["longest_hours"] + 12
    return {"key": "account", "partitions": 13, "groups": {"ledger": "ledger", "fraud": "fraud"},
            "consumers": {"ledger": 13, "fraud": 3}, "retention_hours": hours,
            "gigabytes": brief["a_day"] * brief["bytes"] * 3 * hours / 24 / 1e9, "replicas": 3.0, "min_insync": 2,
            "acks": "all", "promise": 890}
