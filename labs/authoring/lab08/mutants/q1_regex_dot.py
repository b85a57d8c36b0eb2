# A regular expression in which a dot is any character.
# expect: lab08.q1 fails, hint=REGEX

# answer: lab08.q1
import re


def matches(pattern, key):
    text = pattern.replace("*", "[^.]*")
    text = text.replace(".#", "(..*)?").replace("#.", "(.*.)?").replace("#", ".*")
    return bool(re.fullmatch(text, key))
