"""flagd: self-hosted feature flags and progressive delivery."""

__version__ = "0.1.0"
