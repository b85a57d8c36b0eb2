# # stops at the last place where the next word fits.
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
        if not rest or rest[0] in "*#":
            return any(fits(rest, words[taken:]) for taken in range(len(words) + 1))
        places = [taken for taken, word in enumerate(words) if word == rest[0]]
        return bool(places) and fits(rest, words[places[-1]:])
    if first == "*":
        return bool(words) and fits(rest, words[1:])
    return bool(words) and words[0] == first and fits(rest, words[1:])
