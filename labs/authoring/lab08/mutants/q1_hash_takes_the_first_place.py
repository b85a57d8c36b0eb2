# # goes to the first word that fits the next one of the pattern, and stays there.
# expect: lab08.q1 fails, hint=HASH_TRIES_ONCE

# answer: lab08.q1
def matches(pattern, key):
    return fits(cut(pattern), cut(key))


def cut(text):
    return text.split(".") if text else []


def fits(wanted, words):
    if not wanted:
        return not words
    first, rest = wanted[0], wanted[1:]
    if first == "#":
        if not rest:
            return True
        if rest[0] == "#":
            return fits(rest, words)
        for place, word in enumerate(words):
            if rest[0] in ("*", word):
                return fits(rest, words[place:])
        return False
    if first == "*":
        return bool(words) and fits(rest, words[1:])
    return bool(words) and words[0] == first and fits(rest, words[1:])
