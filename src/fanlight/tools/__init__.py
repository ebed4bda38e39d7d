"""The catalogue: one declarative file for each tool that can be signed in."""
