"""The rules of the house, checked by machine: who imports whom, where things happen, how big they get."""
