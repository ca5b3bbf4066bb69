"""Golden vectors, for every way to an answer: the core, HTTP, the SDK. README.md describes the files."""
