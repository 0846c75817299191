"""Made-up traffic of any size, for looking at pages and for measuring: what it draws from, and how it fills days."""
