# Refuses with a class of its own that is no ValueError.
# expect: lab03.q4 fails, hint=OTHER_ERROR

# answer: lab03.q4
class Incompatible(Exception):
    pass


class Registry:
    def __init__(self):
        self.schemas = []

    def register(self, schema):
        if self.schemas and schema == self.schemas[-1]:
            return len(self.schemas)
        for old in self.schemas:
            if problems(old, schema):
                raise Incompatible("no")
        self.schemas.append(schema)
        return len(self.schemas)

    def read(self, version, data):
        found = {}
        for name, field in self.schemas[-1].items():
            found[name] = data[name] if name in data else field["default"]
            if field["type"] == "float" and type(found[name]) is int:
                found[name] = float(found[name])
        return found
