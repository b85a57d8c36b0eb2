# Reports how far the end is from the start: the size of the log.
# expect: lab07.q1 fails, hint=WRONG_LAG

# answer: lab07.q1
def group_lag(ends, starts, committed):
    lag = {}
    for partition, end in ends.items():
        lag[partition] = end - starts[partition]
    total = sum(lag.values())
    worst = min(lag, key=lambda partition: (-lag[partition], partition))
    return {"lag": lag, "total": total, "worst": worst}
