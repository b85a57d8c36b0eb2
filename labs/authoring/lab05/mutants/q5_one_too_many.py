# Cuts back to the frame before.
# expect: lab05.q5 fails, hint=CUTS_TOO_MUCH

# answer: lab05.q5
def recover(file):
    at = before = 0
    while at < len(file):
        try:
            _, end = read_frame(file, at)
            before, at = at, end
        except Damaged as error:
            if not error.torn:
                raise
            if any(is_whole(file, later) for later in range(at + 1, len(file))):
                raise
            return file[:before]
    return file


def is_whole(file, at):
    try:
        read_frame(file, at)
    except Damaged:
        return False
    return True
