# Asks for free pieces before it asks whether it has them already.
# expect: lab10.q2 fails, hint=COPY_REFUSED

# answer: lab10.q2
class Stock:
    def __init__(self, free):
        self.free, self.orders = free, {}

    def reserve(self, order, pieces):
        if self.orders.get(order, 0) is None or pieces > self.free:
            return "refused"
        if order not in self.orders:
            self.orders[order] = pieces
            self.free -= pieces
        return "done"

    def release(self, order):
        self.free += self.orders.get(order) or 0
        self.orders[order] = None
        return "done"
