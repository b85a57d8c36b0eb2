# Leaves out the bad frame, and goes on behind it.
# expect: lab05.q5 fails, hint=SKIPS_DAMAGE

# answer: lab05.q5
import struct


def recover(file):
    at, kept = 0, b""
    while at < len(file):
        try:
            _, end = read_frame(file, at)
            kept += file[at:end]
        except Damaged as error:
            if error.torn:
                break
            end = at + 16 + struct.unpack_from(">qI", file, at)[1]
        at = end
    return kept
