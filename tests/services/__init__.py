"""Real servers for the tests: PostgreSQL, a Redis-protocol server, flagd itself, a browser. No fakes live here."""
