# Of two that are equally far behind it names the later one.
# expect: lab07.q1 fails, hint=WORST_IS_HIDDEN

# answer: lab07.q1
def group_lag(ends, starts, committed):
    lag = {}
    for partition, end in ends.items():
        lag[partition] = max(0, end - committed.get(partition, starts[partition]))
    total = sum(lag.values())
    worst = max(lag, key=lambda partition: (lag[partition], partition))
    return {"lag": lag, "total": total, "worst": worst}
