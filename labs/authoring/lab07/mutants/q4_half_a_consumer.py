# Forgets to round: seven and a half consumers.
# expect: lab07.q4 fails, hint=NO_WHOLE_NUMBER

# answer: lab07.q4
import json


def consumers(seen):
    return min(seen["partitions"], max(1, sum(seen["arrivals"]) / 100))


def decisions(text):
    return [row["running"] for row in run_day(json.loads(text), consumers)]
