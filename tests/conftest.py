"""Fixtures of every test. The servers are started by `tests.embedded_servers`."""

from tests.people import alice, bob, charlie, dora, workspace

__all__ = ["alice", "bob", "charlie", "dora", "workspace"]
