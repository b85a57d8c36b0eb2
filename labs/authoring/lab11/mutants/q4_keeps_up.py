# Keeps up, and has nothing to spare.
# expect: lab11.q4 fails, hint=NO_HEADROOM

# answer: lab11.q4
def money(brief):
    return {
        "key": "account",
        "partitions": 5,
        "groups": {"ledger": "ledger", "fraud": "fraud"},
        "consumers": {"ledger": 5, "fraud": 2},
        "retention_hours": 96,
        "gigabytes": 18,
        "replicas": 3,
        "min_insync": 2,
        "acks": "all",
        "promise": 900,
    }
