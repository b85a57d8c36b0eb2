# The numbers of the worked example.
# expect: lab11.q1 fails, hint=NOT_OF_THE_BRIEF

# answer: lab11.q1
def estimate(brief):
    return {"gigabytes": 7.0, "partitions": 9}
