# Takes the pieces of each copy.
# expect: lab10.q2 fails, hint=RESERVED_TWICE

# answer: lab10.q2
class Stock:
    def __init__(self, free):
        self.free, self.orders = free, {}

    def reserve(self, order, pieces):
        if self.orders.get(order, 0) is None or pieces > self.free:
            return "refused"
        self.free -= pieces
        self.orders[order] = pieces
        return "done"

    def release(self, order):
        self.free += self.orders.get(order) or 0
        self.orders[order] = None
        return "done"
