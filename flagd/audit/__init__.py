"""Reading the change log: who changed what, when, and how it was before and after."""
