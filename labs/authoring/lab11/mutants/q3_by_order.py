# Keys by the order, out of habit.
# expect: lab11.q3 fails, hint=KEY_BREAKS_ORDER

# answer: lab11.q3
def stock(brief):
    return {
        "key": "order",
        "partitions": 32,
        "groups": {"shelf": "shelf", "search": "search"},
        "consumers": {"shelf": 32, "search": 4},
        "retention_hours": 24,
        "gigabytes": 5,
    }
