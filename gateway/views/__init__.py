"""The pages of providers and models."""
