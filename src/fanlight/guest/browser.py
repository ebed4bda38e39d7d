"""What the browser finds when it starts: policies, the certificate authority, a clean profile."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from .processes import run_once
from .programs import LOGIN_POLICY, POLICY

POLICY_DIRECTORY = Path("/etc/chromium/policies/managed")
SYSTEM_CAS = Path("/etc/ssl/certs/ca-certificates.crt")
_CERTUTIL_TIMEOUT_S = 10.0


def write_policy(directory: Path, *, restricted: bool) -> bool:
    """Write the browser's policies; False: the machine gives no room for them."""
    if not os.access(directory, os.W_OK):
        return False
    text = json.dumps(LOGIN_POLICY if restricted else POLICY, indent=1)
    (directory / "fanlight.json").write_text(text)
    return True


def forget_running_browser(profile: Path) -> None:
    """Remove the marks of a browser that died, or the next one would hand over to nobody."""
    for name in ("SingletonLock", "SingletonSocket", "SingletonCookie"):
        with contextlib.suppress(FileNotFoundError):
            (profile / name).unlink()


def _write_authorities(ca_pem: str, home: Path) -> tuple[Path, Path, Path]:
    state = home / ".fanlight"
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    one, bundle = state / "ca.pem", state / "ca-bundle.pem"
    one.write_text(ca_pem)
    system = SYSTEM_CAS.read_text() if SYSTEM_CAS.exists() else ""
    bundle.write_text(system + "\n" + ca_pem)
    database = home / ".pki" / "nssdb"
    database.mkdir(mode=0o700, parents=True, exist_ok=True)
    return one, bundle, database


async def trust(ca_pem: str, home: Path, env: Mapping[str, str]) -> Path:
    """Have the browser trust one more certificate authority; give a bundle for other programs.

    Raises:
        OSError: the certificate could not be imported.
    """
    one, bundle, database = _write_authorities(ca_pem, home)
    certutil = ["/usr/bin/certutil", "-d", f"sql:{database}"]
    await run_once([*certutil, "-N", "--empty-password"], env, _CERTUTIL_TIMEOUT_S)
    add = [*certutil, "-A", "-n", "fanlight", "-t", "C,,", "-i", str(one)]
    if status := await run_once(add, env, _CERTUTIL_TIMEOUT_S):
        raise OSError(f"certutil ended with status {status}")
    return bundle
