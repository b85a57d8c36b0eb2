# Takes the place in the dict for the number of the partition.
# expect: lab07.q1 fails, hint=NO_REPORT

# answer: lab07.q1
def group_lag(ends, starts, committed):
    lag = {}
    for partition, (end, start) in enumerate(zip(ends.values(), starts.values())):
        lag[partition] = max(0, end - committed.get(partition, start))
    worst = min(lag, key=lambda p: (-lag[p], p))
    return {"lag": lag, "total": sum(lag.values()), "worst": worst}
