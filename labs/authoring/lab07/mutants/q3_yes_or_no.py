# Says whether it is ill, and not how.
# expect: lab07.q3 fails, hint=NO_WORD

# answer: lab07.q3
def health(commits, ends, now):
    return len(commits) < 10 or ends[-1] <= commits[-1][0]
