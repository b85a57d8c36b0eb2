# Without a commit it counts from offset 0, also what retention has deleted.
# expect: lab07.q1 fails, hint=COUNTS_FROM_ZERO

# answer: lab07.q1
def group_lag(ends, starts, committed):
    lag = {}
    for partition, end in ends.items():
        lag[partition] = max(0, end - committed.get(partition, 0))
    total = sum(lag.values())
    worst = min(lag, key=lambda partition: (-lag[partition], partition))
    return {"lag": lag, "total": total, "worst": worst}
