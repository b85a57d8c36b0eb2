# Room for more than twice the traffic.
# expect: lab07.q4 fails, hint=OVERPAYS

# answer: lab07.q4
import json


def consumers(seen):
    up, down = needed(seen, 2.2), needed(seen, 2.7)
    if up > seen["running"]:
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
