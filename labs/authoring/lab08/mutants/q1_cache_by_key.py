# A cache that is looked up by the key alone.
# expect: lab08.q1 fails, hint=REMEMBERS

# answer: lab08.q1
known = {}


def matches(pattern, key):
    if key not in known:
        known[key] = fits(cut(pattern), cut(key))
    return known[key]


def cut(text):
    return text.split(".") if text else []


def fits(wanted, words):
    if not wanted:
        return not words
    first, rest = wanted[0], wanted[1:]
    if first == "#":
        return any(fits(rest, words[taken:]) for taken in range(len(words) + 1))
    if first == "*":
        return bool(words) and fits(rest, words[1:])
    return bool(words) and words[0] == first and fits(rest, words[1:])
