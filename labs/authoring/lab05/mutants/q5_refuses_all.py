# Whatever is not whole is refused.
# expect: lab05.q5 fails, hint=REFUSES_TORN

# answer: lab05.q5
def recover(file):
    at = 0
    while at < len(file):
        try:
            _, at = read_frame(file, at)
        except Damaged:
            raise
    return file


def is_whole(file, at):
    try:
        read_frame(file, at)
    except Damaged:
        return False
    return True
