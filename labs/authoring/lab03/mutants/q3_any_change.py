# Finds a problem in fields that are as they were.
# expect: lab03.q3 fails, hint=FALSE_ALARM

# answer: lab03.q3
def problems(old, new):
    found = []
    for name, field in new.items():
        if name not in old:
            if "default" not in field:
                found.append(name)
            continue
        written, reads = old[name]["type"], field["type"]
        if (written, reads) != ("int", "float"):
            found.append(name)
    return found
