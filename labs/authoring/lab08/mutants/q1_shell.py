# The wildcards of a shell.
# expect: lab08.q1 fails, hint=REGEX

# answer: lab08.q1
from fnmatch import fnmatchcase


def matches(pattern, key):
    return fnmatchcase(key, pattern.replace("#", "*"))
