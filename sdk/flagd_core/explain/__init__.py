"""Why a flag answers as it does: the evaluation itself with a recorder on each of its steps (trace), and in words.

Nothing here decides anything: a trace comes from the very closures that answer, with recording ones
around them.
"""

from flagd_core.explain.trace import Explanation, explain
from flagd_core.explain.words import sentences

__all__ = ["Explanation", "explain", "sentences"]
