# Remembers by how much is left, and not of which words.
# expect: lab08.q1 fails, hint=REMEMBERS

# answer: lab08.q1
memo = {}


def matches(pattern, key):
    return fits(cut(pattern), cut(key))


def cut(text):
    return text.split(".") if text else []


def fits(wanted, words):
    place = len(wanted), len(words)
    if place not in memo:
        memo[place] = look(wanted, words)
    return memo[place]


def look(wanted, words):
    if not wanted:
        return not words
    first, rest = wanted[0], wanted[1:]
    if first == "#":
        return any(fits(rest, words[taken:]) for taken in range(len(words) + 1))
    if first == "*":
        return bool(words) and fits(rest, words[1:])
    return bool(words) and words[0] == first and fits(rest, words[1:])
