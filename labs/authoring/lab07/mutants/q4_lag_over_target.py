# Lag divided by a target, as a scaler of many clusters does by default.
# expect: lab07.q4 fails, hint=FLAPS

# answer: lab07.q4
import json
import math


def consumers(seen):
    return max(1, min(seen["partitions"], math.ceil(sum(seen["lags"]) / 5_000)))


def decisions(text):
    return [row["running"] for row in run_day(json.loads(text), consumers)]
