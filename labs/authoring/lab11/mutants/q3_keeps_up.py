# Keeps up at the peak, and no more.
# expect: lab11.q3 fails, hint=NO_HEADROOM

# answer: lab11.q3
def stock(brief):
    return {
        "key": "item",
        "partitions": 8,
        "groups": {"shelf": "shelf", "search": "search"},
        "consumers": {"shelf": 8, "search": 3},
        "retention_hours": 24,
        "gigabytes": 5,
    }
