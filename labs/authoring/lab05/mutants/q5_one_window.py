# Looks behind a torn frame for 64 bytes only.
# expect: lab05.q5 fails, hint=BELIEVES_LENGTH

# answer: lab05.q5
def recover(file):
    at = 0
    while at < len(file):
        try:
            record, at = read_frame(file, at)
        except Damaged as found:
            if not found.torn:
                raise
            for place in range(at + 1, min(len(file), at + 64)):
                try:
                    read_frame(file, place)
                except Damaged:
                    continue
                raise found
            return file[:at]
    return file
