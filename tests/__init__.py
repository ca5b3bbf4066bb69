"""Tests of the server, the SDK and everything that is shipped with them."""
