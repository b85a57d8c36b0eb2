# Numbers that are computed from the brief, with the estimate of the first question.

# answer: lab11.q2
def receipts(brief):
    need = estimate({**brief, "days": 1, "copies": 1, "takes": brief["takes"]["mail"]})["partitions"]
    count = need + 4
    groups = {name: f"g-{name}" for name in brief["takes"]}
    return {"key": brief["in_order"]["mail"], "partitions": count, "groups": groups,
            "consumers": dict.fromkeys(brief["takes"], count)}



# answer: lab11.q3
def stock(brief):
    need = estimate({**brief, "days": 1, "takes": brief["takes"]["shelf"]})
    count = 3 * need["partitions"]
    return {"key": "item", "partitions": count, "groups": {"shelf": "a", "search": "b"},
            "consumers": {"shelf": count, "search": count // 4}, "retention_hours": 24.0,
            "gigabytes": 1.1 * need["gigabytes"]}



# answer: lab11.q4
def money(brief):
    need = estimate({**brief, "days": 3, "copies": 3, "takes": brief["takes"]["ledger"]})
    count = 2 * need["partitions"]
    return {"key": "account", "partitions": count, "groups": {"ledger": "a", "fraud": "b"},
            "consumers": {"ledger": count, "fraud": count}, "retention_hours": 72, "gigabytes": 2 * need["gigabytes"],
            "replicas": 3, "min_insync": 2, "acks": "all", "promise": 850.5}
