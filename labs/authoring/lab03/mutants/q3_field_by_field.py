# Compares the fields in the order in which they stand.
# expect: lab03.q3 fails, hint=TYPE_CHANGED

# answer: lab03.q3
def problems(old, new):
    found = [n for n, f in new.items() if n not in old and "default" not in f]
    for (n, o), (m, f) in zip(old.items(), new.items()):
        if n == m and o["type"] != f["type"] and (o["type"], f["type"]) != ("int", "float"):
            found.append(n)
    return found
