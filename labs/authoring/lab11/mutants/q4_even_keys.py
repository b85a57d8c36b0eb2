# What the estimate says for even keys.
# expect: lab11.q4 fails, hint=HOT_PARTITION

# answer: lab11.q4
def money(brief):
    return {
        "key": "account",
        "partitions": 8,
        "groups": {"ledger": "ledger", "fraud": "fraud"},
        "consumers": {"ledger": 8, "fraud": 2},
        "retention_hours": 96,
        "gigabytes": 18,
        "replicas": 3,
        "min_insync": 2,
        "acks": "all",
        "promise": 900,
    }
