# An early release leaves a mark, and the late reserve takes it for its own: a yes, for no pieces.
# expect: lab10.q2 fails, hint=RESERVE_AFTER

# answer: lab10.q2
class Stock:
    def __init__(self, free):
        self.free, self.orders = free, {}

    def reserve(self, order, pieces):
        if order not in self.orders:
            if pieces > self.free:
                return "refused"
            self.free -= pieces
            self.orders[order] = pieces
        return "done"

    def release(self, order):
        self.free += self.orders.get(order, 0)
        self.orders[order] = 0
        return "done"
