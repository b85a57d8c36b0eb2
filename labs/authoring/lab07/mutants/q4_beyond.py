# As many as the work asks for, also beyond the partitions.
# expect: lab07.q4 fails, hint=BEYOND_THE_PARTITIONS

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
    return 1 + math.ceil(sum(rate * headroom + lag / 600 for rate, lag in zip(seen["arrivals"], seen["lags"])) / 100)


def decisions(text):
    return [row["running"] for row in run_day(json.loads(text), consumers)]
