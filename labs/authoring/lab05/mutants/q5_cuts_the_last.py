# A bad frame with none behind it is cut.
# expect: lab05.q5 fails, hint=CUTS_LAST

# answer: lab05.q5
def recover(file):
    at = 0
    while at < len(file):
        try:
            _, at = read_frame(file, at)
        except Damaged as error:
            if any(is_whole(file, later) for later in range(at + 1, len(file))):
                raise
            return file[:at]
    return file


def is_whole(file, at):
    try:
        read_frame(file, at)
    except Damaged:
        return False
    return True
