"""The exceptions of the SDK; raised while a client is being set up, never while a flag is being read."""


class FlagdError(Exception):
    """Base of everything this package raises on purpose."""


class ConfigurationError(FlagdError, ValueError):
    """A client was given an address, key, option or bootstrap document it cannot work with."""
