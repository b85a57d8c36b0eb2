# Asks for the snapshot of a stream once, and reads more and more after it.
# expect: lab02.q5 fails, hint=READS_ALL

# answer: lab02.q5
from evlab import WrongExpectedVersion


class Bank:
    def __init__(self, store, every=10):
        self.store, self.every, self.cache = store, every, {}

    def load(self, stream):
        if stream not in self.cache:
            snapshot = self.store.load_snapshot(stream)
            self.cache[stream] = (snapshot.state, snapshot.version) if snapshot else (NEW, 0)
        state, version = self.cache[stream]
        for recorded in self.store.read(stream, after=version):
            state, version = evolve(state, recorded.event), recorded.version
        return state, version

    def handle(self, stream, command, attempts=5):
        for left in reversed(range(attempts)):
            state, version = self.load(stream)
            try:
                appended = self.store.append(stream, decide(command, state), expected=version)
            except WrongExpectedVersion:
                if not left:
                    raise
                continue
            for recorded in appended:
                state = evolve(state, recorded.event)
                if recorded.version % self.every == 0:
                    self.store.save_snapshot(stream, state, recorded.version)
            return appended
