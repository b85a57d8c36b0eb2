# No commit is taken for no lag.
# expect: lab07.q1 fails, hint=NO_COMMIT_NO_LAG

# answer: lab07.q1
def group_lag(ends, starts, committed):
    lag = {}
    for partition, end in ends.items():
        lag[partition] = max(0, end - committed.get(partition, end))
    total = sum(lag.values())
    worst = min(lag, key=lambda partition: (-lag[partition], partition))
    return {"lag": lag, "total": total, "worst": worst}
