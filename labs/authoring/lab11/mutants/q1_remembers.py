# Remembers its first answer.
# expect: lab11.q1 fails, hint=NOT_OF_THE_BRIEF

# answer: lab11.q1
import math

known = {}


def estimate(brief):
    mean = brief["a_day"] / 86_400
    peak = mean * brief["peak"]
    stored = brief["a_day"] * brief["bytes"] * brief["days"] * brief["copies"] / 1e9
    debt = 1 + brief["outage"] / brief["catch_up"]
    return known.setdefault("it", {"gigabytes": stored, "partitions": math.ceil(peak * brief["takes"] * debt - 1e-9)})
