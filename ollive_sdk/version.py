"""The version of this client; it is told to the server with each event."""

__version__ = "0.1.0"
