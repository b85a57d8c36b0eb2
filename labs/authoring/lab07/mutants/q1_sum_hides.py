# Names no partition, but the sum.
# expect: lab07.q1 fails, hint=WORST_IS_HIDDEN

# answer: lab07.q1
def group_lag(ends, starts, committed):
    lag = {}
    for partition, end in ends.items():
        lag[partition] = max(0, end - committed.get(partition, starts[partition]))
    total = sum(lag.values())
    worst = total
    return {"lag": lag, "total": total, "worst": worst}
