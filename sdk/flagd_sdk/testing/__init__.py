"""Flags for the tests of applications: in memory, no server, no thread, the read API of the real client.

    flags = FakeFlags({"new-checkout": True, "color": "blue"})
    with flags.override({"color": "red"}):
        ...

Values go through the same decoding and evaluation as a snapshot from a server.
"""

from flagd_sdk.testing.documents import snapshot_of
from flagd_sdk.testing.fake import FakeFlags

__all__ = ["FakeFlags", "snapshot_of"]
