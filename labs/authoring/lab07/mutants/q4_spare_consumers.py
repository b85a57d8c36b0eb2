# Some spare consumers, in case that one crashes: they stand idle.
# expect: lab07.q4 fails, hint=BEYOND_THE_PARTITIONS

# answer: lab07.q4
import json


def consumers(seen):
    return seen["partitions"] + 2


def decisions(text):
    return [row["running"] for row in run_day(json.loads(text), consumers)]
