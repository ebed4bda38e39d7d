"""Names of things, as distinct types. All are unguessable text made by the controller."""

from typing import NewType

SessionId = NewType("SessionId", str)
ConnectionId = NewType("ConnectionId", str)
MachineRef = NewType("MachineRef", str)
PrincipalId = NewType("PrincipalId", str)
