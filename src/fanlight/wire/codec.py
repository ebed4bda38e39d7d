"""One JSON object a line (RFC 8259, UTF-8): `{"type": "area.verb", "fieldName": ...}`.

Fields are camelCase on the wire and snake_case in Python; this module is where they change.
The declared types of a message's fields are checked when it is decoded: `bool`, `int`, `float`,
`str`, `None`, tuples and string-keyed dicts of these, other messages, and unions of them. What is
not declared is refused, as is a line over `MAX_LINE_BYTES`. Base64 is text to the codec.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import re
import types
import typing
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin, get_type_hints

from fanlight.errors import WireError

from . import messages
from .messages import Message

MAX_LINE_BYTES = 1 << 20
"""One line of the wire at most, in bytes: a sealed bundle in base64 is the largest message."""


def encode(message: Message) -> bytes:
    """Give the line, newline included, that says `message`."""
    return json.dumps(_plain(message), separators=(",", ":"), allow_nan=False).encode() + b"\n"


def decode(line: bytes | str) -> Message:
    """Give the message that a line says.

    Raises:
        WireError: it is no JSON object, of no known type, or its fields are not as declared.
    """
    if len(line) > MAX_LINE_BYTES:
        raise WireError(f"a line of {len(line)} bytes; {MAX_LINE_BYTES} are allowed")
    try:
        data = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise WireError(f"not JSON: {type(error).__name__}") from None
    if not isinstance(data, dict):
        raise WireError("not a JSON object")
    kind = (
        messages.KINDS.get(data.pop("type", None)) if isinstance(data.get("type"), str) else None
    )
    if kind is None:
        raise WireError("no known type")
    return typing.cast(Message, _build(kind, data))


class Decoder:
    """Cuts a byte stream into messages, holding at most one unfinished line."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Yield each message that `data` completes.

        Raises:
            WireError: a line is no message, or one grows past `MAX_LINE_BYTES`.
        """
        # What came before is not copied or looked at again: a line of a million small pieces
        # would take the square of its length.
        self._rest += data
        lines: list[bytearray] = []
        if b"\n" in data:
            *lines, self._rest = self._rest.split(b"\n")
        if len(self._rest) > MAX_LINE_BYTES:
            raise WireError(f"a line of over {MAX_LINE_BYTES} bytes")
        for line in lines:
            if line.strip():
                yield decode(bytes(line))


def _plain(value: object) -> object:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        head = {"type": _type_name(type(value))} if type(value) in messages.NAMES else {}
        fields = {
            _camel(f.name): _plain(getattr(value, f.name)) for f in dataclasses.fields(value)
        }
        return head | fields
    if isinstance(value, (tuple, list)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value


def _type_name(kind: type) -> str:
    return messages.NAMES[kind]


@functools.cache
def _camel(name: str) -> str:
    return re.sub(r"_([a-z0-9])", lambda match: match.group(1).upper(), name)


@functools.cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _build(kind: type, data: dict[str, object]) -> object:
    known = {_camel(f.name): f for f in dataclasses.fields(kind)}
    if unknown := data.keys() - known.keys():
        raise WireError(f"{kind.__name__} has no field {sorted(unknown)[0][:40]!r}")
    values = {}
    for wire_name, field in known.items():
        if wire_name in data:
            values[field.name] = _check(_hints(kind)[field.name], data[wire_name], wire_name)
        elif _is_required(field):
            raise WireError(f"{kind.__name__} lacks {wire_name!r}")
    return kind(**values)


def _is_required(field: dataclasses.Field[Any]) -> bool:
    missing = dataclasses.MISSING
    return field.default is missing and field.default_factory is missing


def _check(hint: Any, value: object, where: str) -> object:
    hint = getattr(hint, "__supertype__", hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _check_union(args, value, where)
    if origin is tuple and isinstance(value, list):
        return tuple(_check(args[0], item, where) for item in value)
    if origin is dict and isinstance(value, dict):
        return {key: _check(args[1], item, where) for key, item in value.items()}
    if origin is typing.Literal and value in args:
        return value
    if dataclasses.is_dataclass(hint) and isinstance(value, dict):
        return _build(typing.cast(type, hint), dict(value))
    if _is_scalar(hint, value):
        return float(typing.cast(float, value)) if hint is float else value
    raise WireError(f"{where!r} is not what it must be")


def _check_union(args: tuple[Any, ...], value: object, where: str) -> object:
    for option in args:
        try:
            return _check(option, value, where)
        except WireError:
            continue
    raise WireError(f"{where!r} is not what it must be")


def _is_scalar(hint: Any, value: object) -> bool:
    if hint is float:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return is_number and math.isfinite(typing.cast(float, value))
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint in (bool, str):
        return isinstance(value, hint)
    return hint in (None, types.NoneType) and value is None


def _no_constant(name: str) -> object:
    raise ValueError(name)
