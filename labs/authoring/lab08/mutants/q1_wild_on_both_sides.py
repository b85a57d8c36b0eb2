# A star in the key stands for any word, too.
# expect: lab08.q1 fails, hint=WILD_KEY

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
        return fits(rest, words) or bool(words) and fits(wanted, words[1:])
    return bool(words) and (first == words[0] or "*" in (first, words[0])) and fits(rest, words[1:])
