# Cuts at the first bad frame, as Kafka does.
# expect: lab05.q5 fails, hint=CUTS_GOOD

# answer: lab05.q5
def recover(file):
    at = 0
    while at < len(file):
        try:
            _, at = read_frame(file, at)
        except Damaged as error:
            return file[:at]
    return file


def is_whole(file, at):
    try:
        read_frame(file, at)
    except Damaged:
        return False
    return True
