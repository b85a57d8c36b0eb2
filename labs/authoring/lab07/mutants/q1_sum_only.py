# Returns the sum alone.
# expect: lab07.q1 fails, hint=NO_REPORT

# answer: lab07.q1
def group_lag(ends, starts, committed):
    lag = {}
    for partition, end in ends.items():
        lag[partition] = max(0, end - committed.get(partition, starts[partition]))
    total = sum(lag.values())
    worst = min(lag, key=lambda partition: (-lag[partition], partition))
    return total
