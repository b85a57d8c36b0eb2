# Takes a new field and a lost one of the same type for a rename, which the code cannot know.
# expect: lab03.q3 fails, hint=NEW_REQUIRED

# answer: lab03.q3
def problems(old, new):
    found = []
    for name, field in new.items():
        gone = [other for other in old if other not in new and old[other]["type"] == field["type"]]
        if name not in old and gone:
            continue
        if name not in old:
            if "default" not in field:
                found.append(name)
            continue
        written, reads = old[name]["type"], field["type"]
        if written != reads and (written, reads) != ("int", "float"):
            found.append(name)
    return found
