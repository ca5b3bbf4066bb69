"""Keeping a snapshot up to date: when to ask (pacing), how (transport, poller), what came (document, protocol)."""
