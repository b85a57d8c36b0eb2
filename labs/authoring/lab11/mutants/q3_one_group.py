# Both in one group.
# expect: lab11.q3 fails, hint=ONE_GROUP_FOR_TWO

# answer: lab11.q3
def stock(brief):
    return {
        "key": "item",
        "partitions": 32,
        "groups": {"shelf": "stock", "search": "stock"},
        "consumers": {"shelf": 28, "search": 4},
        "retention_hours": 24,
        "gigabytes": 5,
    }
