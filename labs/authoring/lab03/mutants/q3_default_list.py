# The list of names is a default argument.
# expect: lab03.q3 fails, hint=REMEMBERS

# answer: lab03.q3
def problems(old, new, found=[]):
    for n, f in new.items():
        if (n not in old and "default" not in f) or (n in old and old[n]["type"] != f["type"] and (old[n]["type"], f["type"]) != ("int", "float")):
            found.append(n)
    return found
