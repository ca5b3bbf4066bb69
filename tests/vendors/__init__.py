"""The vendors' own packages, asked where they put units, beside what the core answers for the same splits.

`make vendors` runs it, in an environment of its own; the tests of the core run on the answers it has written down.
"""
