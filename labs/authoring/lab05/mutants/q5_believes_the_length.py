# Torn is what seems to reach beyond the end.
# expect: lab05.q5 fails, hint=BELIEVES_LENGTH

# answer: lab05.q5
def recover(file):
    at = 0
    while at < len(file):
        try:
            _, at = read_frame(file, at)
        except Damaged as error:
            if not error.torn:
                raise
            return file[:at]
    return file


def is_whole(file, at):
    try:
        read_frame(file, at)
    except Damaged:
        return False
    return True
