# Orders the disk of one copy, and half as much again.
# expect: lab11.q3 fails, hint=FORGETS_THE_COPIES

# answer: lab11.q3
def stock(brief):
    return {
        "key": "item",
        "partitions": 32,
        "groups": {"shelf": "shelf", "search": "search"},
        "consumers": {"shelf": 32, "search": 4},
        "retention_hours": 24,
        "gigabytes": 1.62,
    }
