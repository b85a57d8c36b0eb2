# Takes what is left of the name with a star, which makes a list.
# expect: lab03.q2 fails, hint=NAME_NOT_TEXT

# answer: lab03.q2
def v1_to_v2(data):
    newer = {name: value for name, value in data.items() if name != "total"}
    newer["total_cents"] = round(data["total"] * 100)
    return newer


def v2_to_v3(data):
    newer = dict(data)
    newer["first"], *newer["last"] = newer.pop("customer").split(" ", 1)
    return newer


class Reader:
    def __init__(self, log):
        self.log = log

    def read(self):
        return [self.newest(event) for event in self.log]

    def newest(self, event):
        version, data = event["version"], event["data"]
        if version == 1:
            version, data = 2, v1_to_v2(data)
        if version == 2:
            version, data = 3, v2_to_v3(data)
        return {**event, "version": version, "data": data}
