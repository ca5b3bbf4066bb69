"""One module for each vendor: splits in the vendor's own words, and the vendor's own code to ask. They know nothing of
how the core does it, and are imported only in a process that has the vendor's package.

Each has `DISTRIBUTION`, what the package is called where it is installed from, and `splits()`.
"""
