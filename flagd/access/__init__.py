"""Who may do what: people and their sessions, API keys, permissions."""
