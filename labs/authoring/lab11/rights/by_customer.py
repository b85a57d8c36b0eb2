# Another key that keeps the order, other numbers, and an estimate by trying.

# answer: lab11.q1
def estimate(brief):
    peak = brief["a_day"] * brief["peak"] / 86_400
    total = peak * (brief["outage"] + brief["catch_up"])
    partitions = 1
    while partitions / brief["takes"] * brief["catch_up"] < total - 1e-6:
        partitions += 1
    days = [brief["a_day"] * brief["bytes"] / 1e9] * brief["days"]
    return {"gigabytes": sum(days) * brief["copies"], "partitions": partitions}



# answer: lab11.q2
def receipts(brief):
    return {
        "key": "customer",
        "partitions": 12,
        "groups": {"mail": "mail", "analytics": "analytics"},
        "consumers": {"mail": 12, "analytics": 2},
    }



# answer: lab11.q3
def stock(brief):
    return {
        "key": "item",
        "partitions": 48,
        "groups": {"shelf": "shelf", "search": "search"},
        "consumers": {"shelf": 48, "search": 6},
        "retention_hours": 36,
        "gigabytes": 6,
    }



# answer: lab11.q4
def money(brief):
    return {
        "key": "account",
        "partitions": 24,
        "groups": {"ledger": "ledger", "fraud": "fraud"},
        "consumers": {"ledger": 24, "fraud": 4},
        "retention_hours": 168,
        "gigabytes": 40,
        "replicas": 3,
        "min_insync": 2,
        "acks": "all",
        "promise": 600,
    }
