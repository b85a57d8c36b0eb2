# A consumer for each partition, always.
# expect: lab07.q4 fails, hint=NEVER_DOWN

# answer: lab07.q4
import json


def consumers(seen):
    return seen["partitions"]


def decisions(text):
    return [row["running"] for row in run_day(json.loads(text), consumers)]
