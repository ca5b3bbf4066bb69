"""The evaluation core of flagd: from a snapshot document and a context to an answer.

Pure: it needs the standard library and mmh3, and must never do I/O, read a clock or an environment variable,
or draw a random number. The server and the SDK share it, so that both give the same answer.

    rules = load(document)  # or load(document, previous), which takes over what did not change
    detail = rules.flags["new-checkout"].evaluate({"targetingKey": "alice", "plan": "pro"})
"""

from flagd_core.decode import DecodeError
from flagd_core.evaluate import CompiledFlag, Ruleset, load
from flagd_core.host import Host
from flagd_core.model import Context
from flagd_core.reasons import NO_VALUE, Detail, ErrorCode, Reason

__all__ = [
    "NO_VALUE",
    "CompiledFlag",
    "Context",
    "DecodeError",
    "Detail",
    "ErrorCode",
    "Host",
    "Reason",
    "Ruleset",
    "load",
]
