# A function that makes a dictionary.
# expect: lab05.q2 fails, hint=NO_SEGMENT

# answer: lab05.q2
def Segment(base, every):
    return {"file": b"", "index": [], "next_offset": base}
