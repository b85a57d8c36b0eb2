# Takes int and float for the same: half a point is then no int.
# expect: lab03.q3 fails, hint=TYPE_CHANGED

# answer: lab03.q3
def problems(old, new):
    found = []
    for name, field in new.items():
        if name not in old:
            if "default" not in field:
                found.append(name)
            continue
        written, reads = old[name]["type"], field["type"]
        if written != reads and {written, reads} != {"int", "float"}:
            found.append(name)
    return found
