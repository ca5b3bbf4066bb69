"""Adapters of other vendors' clients, one module each, imported only in a process that measures that client."""
