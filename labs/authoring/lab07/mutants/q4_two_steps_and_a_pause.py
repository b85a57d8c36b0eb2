# Two more at most, then some minutes to see whether it helped.
# expect: lab07.q4 fails, hint=ONE_STEP_AT_A_TIME

# answer: lab07.q4
import json


def consumers(seen):
    up, down, running = needed(seen, 1.1), needed(seen, 1.3), seen["running"]
    if up > running and seen["since"] >= 4:
        return min(up, running + 2)
    if down < running and seen["since"] >= 15:
        return down
    return running


def needed(seen, headroom):
    work = [rate * headroom + lag / 600 for rate, lag in zip(seen["arrivals"], seen["lags"])]
    for count in range(1, seen["partitions"]):
        if max(sum(work[first::count]) for first in range(count)) <= 100:
            return count
    return seen["partitions"]


def decisions(text):
    return [row["running"] for row in run_day(json.loads(text), consumers)]
