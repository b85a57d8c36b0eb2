# Names nobody where all are well.
# expect: lab07.q1 fails, hint=WORST_IS_HIDDEN

# answer: lab07.q1
def group_lag(ends, starts, committed):
    lag, worst = {}, None
    for partition in sorted(ends):
        lag[partition] = max(0, ends[partition] - committed.get(partition, starts[partition]))
        if lag[partition] > (lag[worst] if worst is not None else 0):
            worst = partition
    return {"lag": lag, "total": sum(lag.values()), "worst": worst}
