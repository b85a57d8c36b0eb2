# Goes up when it has to, and never down.
# expect: lab07.q4 fails, hint=NEVER_DOWN

# answer: lab07.q4
import json


def consumers(seen):
    return max(seen["running"], needed(seen, 1.1))


def needed(seen, headroom):
    work = [rate * headroom + lag / 600 for rate, lag in zip(seen["arrivals"], seen["lags"])]
    for count in range(1, seen["partitions"]):
        if max(sum(work[first::count]) for first in range(count)) <= 100:
            return count
    return seen["partitions"]


def decisions(text):
    return [row["running"] for row in run_day(json.loads(text), consumers)]
