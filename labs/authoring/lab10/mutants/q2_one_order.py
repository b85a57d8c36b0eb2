# Remembers one order, the last.
# expect: lab10.q2 fails, hint=RELEASES_WRONG

# answer: lab10.q2
class Stock:
    def __init__(self, free):
        self.free, self.order, self.pieces = free, None, 0

    def reserve(self, order, pieces):
        if order != self.order:
            self.order, self.pieces = order, pieces if pieces <= self.free else None
            self.free -= self.pieces or 0
        return "refused" if self.pieces is None else "done"

    def release(self, order):
        if order == self.order:
            self.free += self.pieces or 0
        self.order, self.pieces = order, None
        return "done"
