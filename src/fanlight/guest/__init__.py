"""The agent inside a machine: link, desktop, input, login."""
