# Looks for a whole frame at the very end of the file alone.
# expect: lab05.q5 fails, hint=BELIEVES_LENGTH

# answer: lab05.q5
def recover(file):
    # whatever stands behind, if it reaches the very end, is whole
    at = 0
    while at < len(file):
        try:
            _, at = read_frame(file, at)
        except Damaged as error:
            if not error.torn:
                raise
            for later in range(at + 1, len(file)):
                try:
                    _, end = read_frame(file, later)
                except Damaged:
                    continue
                if end == len(file):
                    raise
            return file[:at]
    return file
