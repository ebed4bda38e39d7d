"""Collecting what a tool wrote, by the list and without following anything, and sealing it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import stat
from collections.abc import Iterator, Sequence

from fanlight.errors import LoginFailed, WireError
from fanlight.wire import CredentialFile, bundle

_RECIPIENT = re.compile(r"age1[02-9ac-hj-np-z]{58}")
SEAL_TIMEOUT_S = 30.0


class CredentialRefused(LoginFailed):
    """What the tool wrote is not what it may be."""

    code = "login-credential-refused"
    title = "The credential cannot be taken"


def collect(home: str, files: Sequence[CredentialFile]) -> tuple[bundle.BundledFile, ...]:
    """Read the files of the list under `home`, keeping the fields that are allowed.

    Raises:
        CredentialRefused: one is missing, a link, not a regular file of ours, or too large.
    """
    collected = []
    for file in files:
        try:
            content = _read(home, file)
            kept = bundle.keep_allowed(file, content)
        except FileNotFoundError:
            if file.required:
                raise CredentialRefused(f"the tool wrote no {file.path}") from None
            continue
        except (OSError, WireError) as error:
            why = str(error) if isinstance(error, WireError) else error.strerror
            raise CredentialRefused(f"{file.path}: {why}") from None
        collected.append(bundle.BundledFile(file.path, kept))
    if not collected:
        raise CredentialRefused("the tool wrote no credential")
    return tuple(collected)


def wipe(home: str, files: Sequence[CredentialFile]) -> None:
    """Remove the files of the list under `home`; what is not there is passed over."""
    for file in files:
        with contextlib.suppress(OSError), _parent(home, file.path) as (directory, name):
            os.unlink(name, dir_fd=directory)


async def seal(text: bytes, recipient: str) -> bytes:
    """Give `text` as an age file that only `recipient` (age1...) opens.

    Raises:
        LoginFailed: the recipient is none, or age failed.
    """
    if not _RECIPIENT.fullmatch(recipient):
        raise LoginFailed("the recipient is not an age recipient")
    age = await asyncio.create_subprocess_exec(
        *("/usr/bin/age", "-r", recipient),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
    )
    try:
        async with asyncio.timeout(SEAL_TIMEOUT_S):
            sealed, _ = await age.communicate(text)
    except TimeoutError:
        raise LoginFailed("age did not end") from None
    finally:
        if age.returncode is None:
            age.kill()
            await age.wait()
    if age.returncode != 0:
        raise LoginFailed(f"age ended with status {age.returncode}")
    return sealed


def _read(home: str, file: CredentialFile) -> bytes:
    with _parent(home, file.path) as (directory, name):
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(name, flags, dir_fd=directory)
    with open(descriptor, "rb") as opened:
        about = os.fstat(descriptor)
        if not stat.S_ISREG(about.st_mode) or about.st_nlink != 1:
            raise WireError("not a plain file")
        if about.st_uid != os.getuid():
            raise WireError("a file of somebody else")
        content = opened.read(file.max_bytes + 1)
    if len(content) > file.max_bytes:
        raise WireError(f"larger than {file.max_bytes} bytes")
    return content


@contextlib.contextmanager
def _parent(home: str, path: str) -> Iterator[tuple[int, str]]:
    """Give the directory of `path` as a descriptor, no link followed on the way, and its name."""
    if not bundle.is_plain_path(path):
        raise WireError("a path that is not allowed")
    *directories, name = path.split("/")
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    here = os.open(home, flags)
    try:
        for directory in directories:
            below = os.open(directory, flags, dir_fd=here)
            os.close(here)
            here = below
        yield here, name
    finally:
        os.close(here)
