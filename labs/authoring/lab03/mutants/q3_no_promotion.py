# Refuses an int that is read as a float.
# expect: lab03.q3 fails, hint=REFUSES_PROMOTION

# answer: lab03.q3
def problems(old, new):
    found = []
    for name, field in new.items():
        if name not in old:
            if "default" not in field:
                found.append(name)
            continue
        written, reads = old[name]["type"], field["type"]
        if written != reads:
            found.append(name)
    return found
