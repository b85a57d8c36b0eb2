# Whatever stands behind # is not looked at.
# expect: lab08.q1 fails, hint=REST_FORGOTTEN

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
        return True
    if first == "*":
        return bool(words) and fits(rest, words[1:])
    return bool(words) and words[0] == first and fits(rest, words[1:])
