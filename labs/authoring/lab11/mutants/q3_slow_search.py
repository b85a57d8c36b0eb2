# One consumer for the quick reader is too few.
# expect: lab11.q3 fails, hint=TOO_FEW_CONSUMERS

# answer: lab11.q3
def stock(brief):
    return {
        "key": "item",
        "partitions": 32,
        "groups": {"shelf": "shelf", "search": "search"},
        "consumers": {"shelf": 32, "search": 1},
        "retention_hours": 24,
        "gigabytes": 5,
    }
