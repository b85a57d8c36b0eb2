# Compares pairs of words, so # is one.
# expect: lab08.q1 fails, hint=HASH_IS_WORDS

# answer: lab08.q1
def matches(pattern, key):
    wanted, words = pattern.split("."), key.split(".")
    return len(wanted) == len(words) and all(a in ("*", "#", b) for a, b in zip(wanted, words))
