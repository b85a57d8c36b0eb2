# A careful regular expression, in which a star inside of a word is a wildcard.
# expect: lab08.q1 fails, hint=STAR_INSIDE

# answer: lab08.q1
import re


def matches(pattern, key):
    text = re.escape(pattern).replace(r"\*", "[^.]+").replace(r"\#", ".*")
    return bool(re.fullmatch(text, key))
