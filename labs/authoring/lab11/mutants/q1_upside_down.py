# Divides the time to catch up by the outage.
# expect: lab11.q1 fails, hint=DEBT_NOT_PAID

# answer: lab11.q1
import math


def estimate(brief):
    mean = brief["a_day"] / 86_400
    peak = mean * brief["peak"]
    stored = brief["a_day"] * brief["bytes"] * brief["days"] * brief["copies"] / 1e9
    debt = 1 + brief["catch_up"] / brief["outage"]
    return {"gigabytes": stored, "partitions": math.ceil(peak * brief["takes"] * debt - 1e-9)}
