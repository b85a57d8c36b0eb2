# The total from the sums of the offsets: who is beyond the end pays for the others.
# expect: lab07.q1 fails, hint=WRONG_TOTAL

# answer: lab07.q1
def group_lag(ends, starts, committed):
    lag = {}
    for partition, end in ends.items():
        lag[partition] = max(0, end - committed.get(partition, starts[partition]))
    total = sum(ends.values()) - sum(committed.get(partition, starts[partition]) for partition in ends)
    worst = min(lag, key=lambda partition: (-lag[partition], partition))
    return {"lag": lag, "total": total, "worst": worst}
