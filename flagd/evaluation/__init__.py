"""Answers for applications that do not evaluate themselves: OFREP, from the same core as the SDK."""
