# Returns nothing that could be called.
# expect: lab04.q4 fails, hint=NO_PROJECTOR

# answer: lab04.q4
def Projector(store, db, mail):
    return None
