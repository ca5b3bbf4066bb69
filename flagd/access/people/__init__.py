"""People: who they are, what they sign in with, and how long that lasts."""
