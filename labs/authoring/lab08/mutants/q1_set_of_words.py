# Words in any order.
# expect: lab08.q1 fails, hint=NOT_THE_SAME

# answer: lab08.q1
def matches(pattern, key):
    wanted = [word for word in pattern.split(".") if word not in "*#"]
    return all(word in key.split(".") for word in wanted)
