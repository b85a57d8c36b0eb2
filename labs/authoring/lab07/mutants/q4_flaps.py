# What is needed this minute, minute by minute: no hysteresis.
# expect: lab07.q4 fails, hint=FLAPS

# answer: lab07.q4
import json


def consumers(seen):
    return needed(seen, 1.1)


def needed(seen, headroom):
    work = [rate * headroom + lag / 600 for rate, lag in zip(seen["arrivals"], seen["lags"])]
    for count in range(1, seen["partitions"]):
        if max(sum(work[first::count]) for first in range(count)) <= 100:
            return count
    return seen["partitions"]


def decisions(text):
    return [row["running"] for row in run_day(json.loads(text), consumers)]
