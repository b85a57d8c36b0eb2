# Takes a lock, which the other process does not see.
# expect: lab02.q4 fails, hint=LOST_UPDATE

# answer: lab02.q4
import threading

lock = threading.Lock()


def handle(store, stream, command, attempts=5):
    with lock:
        state, version = NEW, 0
        for recorded in store.read(stream):
            state, version = evolve(state, recorded.event), recorded.version
        return store.append(stream, decide(command, state))
