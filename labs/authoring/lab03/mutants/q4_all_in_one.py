# Compares with a union of all earlier versions.
# expect: lab03.q4 fails, hint=MERGES_VERSIONS

# answer: lab03.q4
class Registry:
    def __init__(self):
        self.schemas = []

    def register(self, schema):
        if self.schemas and schema == self.schemas[-1]:
            return len(self.schemas)
        merged = {}
        for old in self.schemas:
            merged.update(old)
        if self.schemas and problems(merged, schema):
            raise ValueError("no")
        self.schemas.append(schema)
        return len(self.schemas)

    def read(self, version, data):
        found = {}
        for name, field in self.schemas[-1].items():
            found[name] = data[name] if name in data else field["default"]
            if field["type"] == "float" and type(found[name]) is int:
                found[name] = float(found[name])
        return found
