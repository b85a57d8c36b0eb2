# Divides the sum by what a consumer can do: the busiest has more than its share.
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
    work = sum(rate * headroom + lag / 600 for rate, lag in zip(seen["arrivals"], seen["lags"]))
    return max(1, min(seen["partitions"], math.ceil(work / 100)))


def decisions(text):
    return [row["running"] for row in run_day(json.loads(text), consumers)]
