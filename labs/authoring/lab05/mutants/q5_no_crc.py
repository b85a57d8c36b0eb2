# Jumps from length to length.
# expect: lab05.q5 fails, hint=NOT_SEEN

# answer: lab05.q5
import struct


def recover(file):
    at = 0
    while at + 16 <= len(file):
        _, length, _ = struct.unpack_from(">qII", file, at)
        if at + 16 + length > len(file):
            break
        at += 16 + length
    return file[:at]
