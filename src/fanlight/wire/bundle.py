"""The credential bundle, format `fanlight-bundle-1`: what the guest seals and the requester opens.

Also here, as both ends apply it: what may be kept of a credential file. The guest applies the list
of its order; whoever opens a bundle applies its own catalogue's list again and trusts no bundle.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from fanlight.errors import WireError

from .messages import CredentialFile

FORMAT = "fanlight-bundle-1"
FILE_MODE = 0o600
MAX_BUNDLE_BYTES = 700_000
"""Before sealing, in bytes: sealed and in base64 it still fits one line of the wire."""

_KEYS = {"format", "session", "tool", "account", "nonce", "createdAt", "files"}
_FILE_KEYS = {"path", "mode", "sha256", "contentB64"}
_PATH = re.compile(r"(?!/)(?!.*//)[A-Za-z0-9._@+-][A-Za-z0-9._@+/-]{0,254}")
_YAML_LINE = re.compile(r" {0,8}([A-Za-z0-9._-]{1,64}):(?: ([A-Za-z0-9._@+/-]*))?")


@dataclass(frozen=True, slots=True)
class BundledFile:
    """One file: its path under HOME and what is in it. Its mode is always 600."""

    path: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Bundle:
    """A credential on its way; `created_at` is RFC 3339 text."""

    session: str
    tool: str
    account: str
    nonce: str
    created_at: str
    files: tuple[BundledFile, ...]


def encode(bundle: Bundle) -> bytes:
    """Give the JSON text that says `bundle`.

    Raises:
        WireError: it is over `MAX_BUNDLE_BYTES`.
    """
    data = {
        "format": FORMAT,
        "session": bundle.session,
        "tool": bundle.tool,
        "account": bundle.account,
        "nonce": bundle.nonce,
        "createdAt": bundle.created_at,
        "files": [_plain_file(file) for file in bundle.files],
    }
    text = json.dumps(data, separators=(",", ":")).encode()
    if len(text) > MAX_BUNDLE_BYTES:
        raise WireError("the credential is too large for a bundle")
    return text


def decode(text: bytes) -> Bundle:
    """Give the bundle that a text says; its paths are plain and its hashes hold.

    Raises:
        WireError: it is no bundle, or one that cannot be trusted as it stands.
    """
    if len(text) > MAX_BUNDLE_BYTES:
        raise WireError("the bundle is too large")
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        raise WireError("the bundle is not JSON") from None
    if not isinstance(data, dict) or data.keys() != _KEYS or data["format"] != FORMAT:
        raise WireError("not a bundle of this format")
    words = [data[key] for key in ("session", "tool", "account", "nonce", "createdAt")]
    if not all(isinstance(word, str) and len(word) <= 256 for word in words):
        raise WireError("the bundle's names are not text")
    if not isinstance(data["files"], list) or not 1 <= len(data["files"]) <= 16:
        raise WireError("the bundle has no list of files")
    files = tuple(_decode_file(item) for item in data["files"])
    if len({file.path for file in files}) != len(files):
        raise WireError("the bundle names a file twice")
    session, tool, account, nonce, created_at = words
    return Bundle(session, tool, account, nonce, created_at, files)


def is_plain_path(path: str) -> bool:
    """Say whether a path stays under the directory it is put in: relative, no `..`, plain."""
    parts = path.split("/")
    return bool(_PATH.fullmatch(path)) and not {"", ".", ".."} & set(parts)


def keep_allowed(file: CredentialFile, content: bytes) -> bytes:
    """Give what the list lets through of a file's content; all of it where no fields are named.

    JSON and TOML files keep the named top-level fields, YAML files the lines of plain scalars
    whose keys are named.

    Raises:
        WireError: it is too large, no such file, or nothing is left.
    """
    if len(content) > file.max_bytes:
        raise WireError(f"{file.path} is larger than {file.max_bytes} bytes")
    if not file.fields:
        return content
    kind = file.path.rsplit(".", 1)[-1]
    try:
        text = content.decode()
        match kind:
            case "json":
                return _keep_json(text, file.fields)
            case "toml":
                return _keep_toml(text, file.fields)
            case "yml" | "yaml":
                return _keep_yaml(text, file.fields)
            case _:
                raise WireError(f"{file.path} is of no kind whose fields are known")
    except (ValueError, RecursionError):
        raise WireError(f"{file.path} is not what it must be") from None


def _plain_file(file: BundledFile) -> dict[str, object]:
    return {
        "path": file.path,
        "mode": FILE_MODE,
        "sha256": hashlib.sha256(file.content).hexdigest(),
        "contentB64": base64.b64encode(file.content).decode(),
    }


def _decode_file(item: object) -> BundledFile:
    if not isinstance(item, dict) or item.keys() != _FILE_KEYS:
        raise WireError("a file of the bundle is not described as it must be")
    description = cast(dict[str, object], item)
    path, mode = description["path"], description["mode"]
    sha256, content_b64 = description["sha256"], description["contentB64"]
    if not isinstance(path, str) or not is_plain_path(path):
        raise WireError("a file of the bundle has a path that is not allowed")
    if mode is True or mode != FILE_MODE:
        raise WireError("a file of the bundle asks for a mode that is not allowed")
    if not isinstance(content_b64, str) or not isinstance(sha256, str):
        raise WireError("a file of the bundle has no content")
    try:
        content = base64.b64decode(content_b64, validate=True)
    except (binascii.Error, ValueError):
        raise WireError("a file of the bundle is not in base64") from None
    if hashlib.sha256(content).hexdigest() != sha256:
        raise WireError("a file of the bundle does not match its hash")
    return BundledFile(path, content)


def _keep_json(text: str, fields: Sequence[str]) -> bytes:
    data = json.loads(text)
    if not isinstance(data, dict):
        raise ValueError("not an object")
    kept = {key: value for key, value in data.items() if key in fields}
    if not kept:
        raise ValueError("nothing left")
    return json.dumps(kept, indent=2).encode() + b"\n"


def _keep_toml(text: str, fields: Sequence[str]) -> bytes:
    kept = {key: value for key, value in tomllib.loads(text).items() if key in fields}
    if not kept:
        raise ValueError("nothing left")
    return "".join(f"{key} = {_toml_value(value)}\n" for key, value in kept.items()).encode()


def _toml_value(value: object) -> str:
    # A JSON string without characters above U+FFFF is a TOML basic string (TOML 1.0).
    match value:
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case list():
            return "[" + ", ".join(_toml_value(item) for item in value) + "]"
        case _:
            raise ValueError("a value of no simple kind")


def _keep_yaml(text: str, fields: Sequence[str]) -> bytes:
    kept = []
    for line in text.splitlines():
        found = _YAML_LINE.fullmatch(line.rstrip())
        if not found:
            raise ValueError("not a plain mapping")
        if found.group(1) in fields:
            kept.append(line.rstrip())
    if not kept:
        raise ValueError("nothing left")
    return ("\n".join(kept) + "\n").encode()
