# A commit that is newer than the end makes a lag below zero.
# expect: lab07.q1 fails, hint=NEGATIVE

# answer: lab07.q1
def group_lag(ends, starts, committed):
    lag = {}
    for partition, end in ends.items():
        lag[partition] = end - committed.get(partition, starts[partition])
    total = sum(lag.values())
    worst = min(lag, key=lambda partition: (-lag[partition], partition))
    return {"lag": lag, "total": total, "worst": worst}
