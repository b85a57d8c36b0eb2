# Counts arrivals alone: with the evening it goes down, and the lag stays.
# expect: lab07.q4 fails, hint=DOWN_IN_A_DRAIN

# answer: lab07.q4
import json


def consumers(seen):
    up, down = needed(seen, 1.05), needed(seen, 1.15)
    if up > seen["running"]:
        return up
    if down < seen["running"] and seen["since"] >= 15:
        return down
    return seen["running"]


def needed(seen, headroom):
    work = [rate * headroom for rate in seen["arrivals"]]
    for count in range(1, seen["partitions"]):
        if max(sum(work[first::count]) for first in range(count)) <= 100:
            return count
    return seen["partitions"]


def decisions(text):
    return [row["running"] for row in run_day(json.loads(text), consumers)]
