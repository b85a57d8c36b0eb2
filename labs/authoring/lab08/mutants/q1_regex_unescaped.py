# The dots are escaped, and nothing else is.
# expect: lab08.q1 fails, hint=REGEX

# answer: lab08.q1
import re


def matches(pattern, key):
    text = pattern.replace(".", r"\.").replace("*", r"[^.]*").replace("#", ".*")
    return bool(re.fullmatch(text, key))
