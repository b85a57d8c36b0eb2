# Acts when the lag is there, and not when it begins to grow.
# expect: lab07.q4 fails, hint=REACTS_TOO_LATE

# answer: lab07.q4
import json


def consumers(seen):
    up, down = needed(seen, 1.1), needed(seen, 1.3)
    if up > seen["running"] and max(seen["lags"]) > 30_000:
        return up
    if down < seen["running"] and seen["since"] >= 15:
        return down
    return seen["running"]


def needed(seen, headroom):
    work = [rate * headroom + lag / 600 for rate, lag in zip(seen["arrivals"], seen["lags"])]
    for count in range(1, seen["partitions"]):
        if max(sum(work[first::count]) for first in range(count)) <= 100:
            return count
    return seen["partitions"]


def decisions(text):
    return [row["running"] for row in run_day(json.loads(text), consumers)]
