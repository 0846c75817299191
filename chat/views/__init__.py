"""The pages of the chat, and what their buttons post to. Every answer serves htmx and a browser without scripts."""
