# One more, or one fewer, each minute.
# expect: lab07.q4 fails, hint=ONE_STEP_AT_A_TIME

# answer: lab07.q4
import json


def consumers(seen):
    up, down, running = needed(seen, 1.1), needed(seen, 1.3), seen["running"]
    if up > running:
        return running + 1
    if down < running and seen["since"] >= 15:
        return running - 1
    return running


def needed(seen, headroom):
    work = [rate * headroom + lag / 600 for rate, lag in zip(seen["arrivals"], seen["lags"])]
    for count in range(1, seen["partitions"]):
        if max(sum(work[first::count]) for first in range(count)) <= 100:
            return count
    return seen["partitions"]


def decisions(text):
    return [row["running"] for row in run_day(json.loads(text), consumers)]
