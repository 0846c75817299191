"""Fixtures of every test. The servers are started by `tests.embedded_servers`."""
