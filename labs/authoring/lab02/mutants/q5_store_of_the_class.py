# The store belongs to the class, so the last bank made has it.
# expect: lab02.q5 fails, hint=ONE_FOR_ALL

# answer: lab02.q5
from evlab import WrongExpectedVersion


class Bank:
    def __init__(self, store, every=10):
        Bank.store, Bank.every = store, every

    def load(self, stream):
        state, version = NEW, 0
        snapshot = self.store.load_snapshot(stream)
        if snapshot is not None:
            state, version = snapshot.state, snapshot.version
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
