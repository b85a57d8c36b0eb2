# Returns a number where a registry is made.
# expect: lab03.q4 fails, hint=NO_REGISTRY

# answer: lab03.q4
class Registry:
    def __new__(cls):
        return 1
