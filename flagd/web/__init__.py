"""The admin pages: server-rendered, usable without JavaScript. They call services and reads; no rule is theirs."""
