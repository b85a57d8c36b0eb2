# Orders the disk of one broker.
# expect: lab11.q4 fails, hint=FORGETS_THE_COPIES

# answer: lab11.q4
def money(brief):
    return {
        "key": "account",
        "partitions": 14,
        "groups": {"ledger": "ledger", "fraud": "fraud"},
        "consumers": {"ledger": 14, "fraud": 2},
        "retention_hours": 96,
        "gigabytes": 4.2,
        "replicas": 3,
        "min_insync": 2,
        "acks": "all",
        "promise": 900,
    }
