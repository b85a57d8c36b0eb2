# As short as it gets: merged dicts and comprehensions.

# answer: lab03.q1
def pass_on(data):
    known = {name: value for name, value in data.items() if value is not None}
    return {**data, "currency": "EUR", **known, "risk": "low" if data["total_cents"] < 50_000 else "high"}


def serve(inbox):
    return [(data, pass_on(data)) for data in inbox]


# answer: lab03.q3
READS = {"int": {"int", "float"}}


def problems(old, new):
    return {name for name, field in new.items()
            if (name not in old and "default" not in field)
            or (name in old and field["type"] not in READS.get(old[name]["type"], {old[name]["type"]}))}


# answer: lab03.q4
class Registry:
    def __init__(self):
        self.all = []

    def register(self, schema):
        if schema not in self.all[-1:]:
            if any(problems(old, schema) for old in self.all):
                raise ValueError("an earlier version could not be read")
            self.all.append(schema)
        return len(self.all)

    def read(self, version, data):
        cast = {"float": float}
        return {name: cast.get(field["type"], lambda value: value)(data.get(name, field.get("default")))
                for name, field in self.all[-1].items()}
