"""The Python client and `fanlight connect`."""
