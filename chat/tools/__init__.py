"""Tools that models may use in a chat: which there are, how they are run, and what is kept and shown of each use."""
