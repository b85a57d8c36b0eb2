# Takes the partition with the highest end for the worst.
# expect: lab07.q1 fails, hint=WORST_IS_HIDDEN

# answer: lab07.q1
def group_lag(ends, starts, committed):
    lag = {}
    for partition, end in ends.items():
        lag[partition] = max(0, end - committed.get(partition, starts[partition]))
    total = sum(lag.values())
    worst = max(ends, key=ends.get)
    return {"lag": lag, "total": total, "worst": worst}
