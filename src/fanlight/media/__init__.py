"""The picture's path: capture and encode in the guest, the gateway on the host."""
