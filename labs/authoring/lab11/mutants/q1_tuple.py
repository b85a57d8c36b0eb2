# Returns two numbers and no names.
# expect: lab11.q1 fails, hint=NO_ESTIMATE

# answer: lab11.q1
def estimate(brief):
    return 12.0, 7
