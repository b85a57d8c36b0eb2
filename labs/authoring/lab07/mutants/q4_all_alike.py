# Takes the partitions for equal: right until one of them is hot.
# expect: lab07.q4 fails, hint=BUSIEST_IS_HIDDEN

# answer: lab07.q4
import json
import math


def consumers(seen):
    up, down = needed(seen, 1.1), needed(seen, 1.3)
    if up > seen["running"]:
        return up
    if down < seen["running"] and seen["since"] >= 15:
        return down
    return seen["running"]


def needed(seen, headroom):
    partitions = seen["partitions"]
    work = (sum(seen["arrivals"]) * headroom + sum(seen["lags"]) / 600) / partitions
    for count in range(1, partitions):
        if math.ceil(partitions / count) * work <= 100:
            return count
    return partitions


def decisions(text):
    return [row["running"] for row in run_day(json.loads(text), consumers)]
