# Returns nothing while all is well.
# expect: lab07.q4 fails, hint=NO_WHOLE_NUMBER

# answer: lab07.q4
import json


def consumers(seen):
    if max(seen["lags"]) > 10_000:
        return seen["partitions"]


def decisions(text):
    return [row["running"] for row in run_day(json.loads(text), consumers)]
