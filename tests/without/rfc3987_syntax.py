"""Stands before the package of this name, which takes each process that imports jsonschema two seconds to load.

jsonschema uses it for one thing, whether an international address is well formed, and does without it if it is not
installed. No schema of ours asks that.
"""

raise ImportError("left out of the tests")
