# Takes every new field for harmless.
# expect: lab03.q3 fails, hint=NEW_REQUIRED

# answer: lab03.q3
def problems(old, new):
    found = []
    for name, field in new.items():
        if name not in old:
            continue
        written, reads = old[name]["type"], field["type"]
        if written != reads and (written, reads) != ("int", "float"):
            found.append(name)
    return found
