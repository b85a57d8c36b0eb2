# A default argument keeps the lags of earlier calls.
# expect: lab07.q1 fails, hint=REMEMBERS

# answer: lab07.q1
def group_lag(ends, starts, committed, lag={}):
    for partition, end in ends.items():
        lag[partition] = max(0, end - committed.get(partition, starts[partition]))
    worst = min(lag, key=lambda p: (-lag[p], p))
    return {"lag": lag, "total": sum(lag.values()), "worst": worst}
