# Compares words before it looks for wildcards: a # in the key uses up the # of the pattern.
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
    if words and words[0] == first:
        return fits(rest, words[1:])
    if first == "#":
        return fits(rest, words) or bool(words) and fits(wanted, words[1:])
    return first == "*" and bool(words) and fits(rest, words[1:])
