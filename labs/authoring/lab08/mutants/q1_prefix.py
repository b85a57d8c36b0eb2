# Compares beginnings.
# expect: lab08.q1 fails, hint=PART_OF_IT

# answer: lab08.q1
def matches(pattern, key):
    return key.startswith(pattern.rstrip("*#."))
