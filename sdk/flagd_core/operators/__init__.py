"""Operators: what an attribute or a value means to one (operands), the tests they make (table), regex.

Pure: nothing in here knows a condition, a flag or a context.
"""

from flagd_core.operators.table import IGNORE_CASE, OPERATORS, OnText, Operator, Remembered, check

__all__ = ["IGNORE_CASE", "OPERATORS", "OnText", "Operator", "Remembered", "check"]
