# Of equal ones names the one that comes first in the dict.
# expect: lab07.q1 fails, hint=WORST_IS_HIDDEN

# answer: lab07.q1
def group_lag(ends, starts, committed):
    lag = {}
    for partition, end in ends.items():
        lag[partition] = max(0, end - committed.get(partition, starts[partition]))
    worst = max(lag, key=lag.get)
    return {"lag": lag, "total": sum(lag.values()), "worst": worst}
