"""Why a flag answers as it does: the evaluation itself with a recorder on each of its steps (trace), and in words.

Nothing here decides anything: a trace comes from the very closures that answer, with recording ones
around them. How much is kept of it is the record's to say.
"""

from flagd_core.explain.record import Explanation
from flagd_core.explain.trace import explain
from flagd_core.explain.words import sentences

__all__ = ["Explanation", "explain", "sentences"]
