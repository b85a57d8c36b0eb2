# Returns at the first problem.
# expect: lab03.q3 fails, hint=NOT_ALL

# answer: lab03.q3
def problems(old, new):
    for n, f in new.items():
        if (n not in old and "default" not in f) or (n in old and old[n]["type"] != f["type"] and (old[n]["type"], f["type"]) != ("int", "float")):
            return [n]
    return []
