"""Doors that ask in conversations: what runs a model, or streams."""
