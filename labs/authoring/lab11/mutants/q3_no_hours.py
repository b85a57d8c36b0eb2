# Leaves the retention out.
# expect: lab11.q3 fails, hint=NO_DESIGN

# answer: lab11.q3
def stock(brief):
    return {
        "key": "item",
        "partitions": 32,
        "groups": {"shelf": "shelf", "search": "search"},
        "consumers": {"shelf": 32, "search": 4},
        "retention_hours": None,
        "gigabytes": 5,
    }
