# Takes the spaces away around each word.
# expect: lab08.q1 fails, hint=PART_OF_IT

# answer: lab08.q1
def matches(pattern, key):
    return fits(cut(pattern), cut(key))


def cut(text):
    return [word.strip() for word in text.split(".")] if text else []


def fits(wanted, words):
    if not wanted:
        return not words
    first, rest = wanted[0], wanted[1:]
    if first == "#":
        return any(fits(rest, words[taken:]) for taken in range(len(words) + 1))
    if first == "*":
        return bool(words) and fits(rest, words[1:])
    return bool(words) and words[0] == first and fits(rest, words[1:])
