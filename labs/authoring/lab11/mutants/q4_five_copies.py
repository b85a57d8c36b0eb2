# Five copies on three brokers.
# expect: lab11.q4 fails, hint=MORE_COPIES_THAN_BROKERS

# answer: lab11.q4
def money(brief):
    return {
        "key": "account",
        "partitions": 14,
        "groups": {"ledger": "ledger", "fraud": "fraud"},
        "consumers": {"ledger": 14, "fraud": 2},
        "retention_hours": 96,
        "gigabytes": 30,
        "replicas": 5,
        "min_insync": 3,
        "acks": "all",
        "promise": 900,
    }
