# A file that holds a torn frame alone is damaged, for it.
# expect: lab05.q5 fails, hint=REFUSES_TORN

# answer: lab05.q5
def recover(file):
    at = 0
    while at < len(file):
        try:
            _, at = read_frame(file, at)
        except Damaged as found:
            if at == 0 or not found.torn or any(ok(file, p) for p in range(at + 1, len(file))):
                raise
            return file[:at]
    return file

def ok(file, at):
    try:
        read_frame(file, at)
        return True
    except Damaged:
        return False
