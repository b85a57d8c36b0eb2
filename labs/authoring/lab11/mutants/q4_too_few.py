# Fewer than the peak needs.
# expect: lab11.q4 fails, hint=TOO_FEW_PARTITIONS

# answer: lab11.q4
def money(brief):
    return {
        "key": "account",
        "partitions": 3,
        "groups": {"ledger": "ledger", "fraud": "fraud"},
        "consumers": {"ledger": 3, "fraud": 2},
        "retention_hours": 96,
        "gigabytes": 18,
        "replicas": 3,
        "min_insync": 2,
        "acks": "all",
        "promise": 900,
    }
