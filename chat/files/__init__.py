"""Files beside prompts: what may be attached, how it is kept, and what models get of it."""
