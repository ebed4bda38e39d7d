"""What runs beside each virtual machine on its host, in the machine's own namespaces.

It makes the tap, starts QEMU (restored from a snapshot), carries the machine's sockets over one
stream, and hands the keeper what the keeper of a sandbox gets. Standard library only: vmm.pyz is
run by the system's Python under the machine's uid, and trusts nothing it reads.
"""

from .run import main

__all__ = ["main"]
