# Goes down by one an hour.
# expect: lab07.q4 fails, hint=OVERPAYS

# answer: lab07.q4
import json


def consumers(seen):
    up, running = needed(seen, 1.6), seen["running"]
    if up > running:
        return up
    return running - 1 if seen["since"] >= 60 and needed(seen, 2.0) < running else running


def needed(seen, headroom):
    work = [rate * headroom + lag / 600 for rate, lag in zip(seen["arrivals"], seen["lags"])]
    for count in range(1, seen["partitions"]):
        if max(sum(work[first::count]) for first in range(count)) <= 100:
            return count
    return seen["partitions"]


def decisions(text):
    return [row["running"] for row in run_day(json.loads(text), consumers)]
