"""How a client is doing, and who is told when that changes."""

from flagd_sdk.status.listeners import Listener, Listeners
from flagd_sdk.status.values import Change, Status

__all__ = ["Change", "Listener", "Listeners", "Status"]
