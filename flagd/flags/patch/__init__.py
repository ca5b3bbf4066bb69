"""Applying what was sent to what is there: pure functions from an old value and a document to a new value.

Nothing here does I/O, reads a clock or draws a random number. A document that breaks a rule raises
`flagd.errors.Invalid` with every problem found and where it stands in the document.
"""

from flagd.flags.patch.fields import same
from flagd.flags.patch.flag import new_flag, patch_flag
from flagd.flags.patch.references import beyond_limits, beyond_steps, steps_of
from flagd.flags.patch.segment import new_segment, patch_segment
from flagd.flags.patch.targeting import MAX_PREREQUISITES, Patched, Surroundings, apply, moved_shares

__all__ = [
    "MAX_PREREQUISITES",
    "Patched",
    "Surroundings",
    "apply",
    "beyond_limits",
    "beyond_steps",
    "moved_shares",
    "new_flag",
    "new_segment",
    "patch_flag",
    "patch_segment",
    "same",
    "steps_of",
]
