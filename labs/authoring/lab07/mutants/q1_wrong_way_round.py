# Committed minus end, and cut off at 0.
# expect: lab07.q1 fails, hint=WRONG_LAG

# answer: lab07.q1
def group_lag(ends, starts, committed):
    lag = {}
    for partition, end in ends.items():
        lag[partition] = max(0, committed.get(partition, starts[partition]) - end)
    total = sum(lag.values())
    worst = min(lag, key=lambda partition: (-lag[partition], partition))
    return {"lag": lag, "total": total, "worst": worst}
