# Compares names, and not types.
# expect: lab03.q3 fails, hint=TYPE_CHANGED

# answer: lab03.q3
def problems(old, new):
    found = []
    for name, field in new.items():
        if name not in old:
            if "default" not in field:
                found.append(name)
            continue
    return found
