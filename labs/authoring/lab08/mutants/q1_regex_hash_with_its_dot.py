# A careful regular expression, in which # keeps its dot.
# expect: lab08.q1 fails, hint=HASH_NEEDS_ONE

# answer: lab08.q1
import re


def matches(pattern, key):
    words = [{"*": "[^.]+", "#": ".*"}.get(word) or re.escape(word) for word in pattern.split(".")]
    return bool(re.fullmatch(r"\.".join(words), key))
