"""Programs that use flagd the way an application does: through the SDK and the public API only, never the server."""
