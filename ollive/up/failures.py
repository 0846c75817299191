"""What a person is told when Ollive cannot start."""


class StartError(Exception):
    """Ollive cannot start. Its text is one sentence: what is wrong, and what to do about it."""
