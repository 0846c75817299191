"""The embedded platform: one command starts every server that Ollive needs, and keeps it running."""
