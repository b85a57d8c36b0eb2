# Takes the seconds for milliseconds.
# expect: lab11.q1 fails, hint=WRONG_UNIT

# answer: lab11.q1
import math


def estimate(brief):
    mean = brief["a_day"] / 86_400
    peak = mean * brief["peak"]
    stored = brief["a_day"] * brief["bytes"] * brief["days"] * brief["copies"] / 1e9
    debt = 1 + brief["outage"] / brief["catch_up"]
    return {"gigabytes": stored, "partitions": math.ceil(peak * brief["takes"] * 1000 * debt)}
