# Reports on the partitions that have a commit.
# expect: lab07.q1 fails, hint=NO_COMMIT_NO_LAG

# answer: lab07.q1
def group_lag(ends, starts, committed):
    lag = {partition: max(0, ends[partition] - offset) for partition, offset in committed.items()}
    worst = min(lag, key=lambda partition: (-lag[partition], partition)) if lag else None
    return {"lag": lag, "total": sum(lag.values()), "worst": worst}
