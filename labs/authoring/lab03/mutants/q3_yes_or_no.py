# Says whether there is a problem, and not which.
# expect: lab03.q3 fails, hint=NO_LIST

# answer: lab03.q3
def problems(old, new):
    found = []
    for name, field in new.items():
        if name not in old:
            if "default" not in field:
                found.append(name)
            continue
        written, reads = old[name]["type"], field["type"]
        if written != reads and (written, reads) != ("int", "float"):
            found.append(name)
    return bool(found)
