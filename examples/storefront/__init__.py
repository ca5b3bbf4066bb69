"""A small shop whose pages change for each visitor as flags change: `python -m examples.storefront`."""
