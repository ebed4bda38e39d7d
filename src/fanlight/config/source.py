"""Where settings come from: flags, then environment, then the configuration file, then defaults.

A setting `idle_timeout_s` is the flag `--idle-timeout-s`, the variable
`FANLIGHT_SERVE_IDLE_TIMEOUT_S` and the key `idle_timeout_s` of the TOML file. Lists are separated
by commas in flags and variables, and are arrays in TOML; maps are `key=value` and inline tables.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
import itertools
import math
import tomllib
import types
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from fanlight.errors import SettingRejected

from .serve import ServeSettings, default_data

SYSTEM_FILE = Path("/etc/fanlight.toml")
TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of the settings, and every name it goes by."""

    name: str
    kind: Any
    """Its declared type."""
    text: str
    """One or two sentences for people."""

    @property
    def flag(self) -> str:
        """The command line's name."""
        return "--" + self.name.replace("_", "-")

    @property
    def variable(self) -> str:
        """The environment's name."""
        return "FANLIGHT_SERVE_" + self.name.upper()


@functools.cache
def settings() -> tuple[Setting, ...]:
    """Give every setting, in the order of its declaration."""
    texts, kinds = _texts(), get_type_hints(ServeSettings)
    return tuple(
        Setting(each.name, kinds[each.name], texts.get(each.name, ""))
        for each in dataclasses.fields(ServeSettings)
    )


def load(
    flags: Mapping[str, object], *, environ: Mapping[str, str], file: Path | None = None
) -> ServeSettings:
    """Give the settings that flags, environment and configuration file add up to.

    `flags` holds what was given on the command line, by field name; `None` means not given.

    Raises:
        SettingRejected: a file that cannot be read, an unknown key, or a value of a wrong kind.
    """
    values: dict[str, object] = {}
    for setting in settings():
        if setting.variable in environ:
            raw = environ[setting.variable]
            values[setting.name] = parse(setting.kind, raw, setting.variable)
        given = flags.get(setting.name)
        if given is not None:
            values[setting.name] = parse(setting.kind, given, setting.flag)
    path = file or _default_file(values)
    if path is not None:
        values = _from_file(path) | values
    return ServeSettings(**values)  # type: ignore[arg-type]


def parse(kind: Any, value: object, where: str) -> object:
    """Give `value`, text or what TOML says, as `kind`.

    Raises:
        SettingRejected: it is not of that kind; `where` names the culprit.
    """
    try:
        return _parse(kind, value)
    except (ValueError, TypeError):
        shown = repr(value)[:60]
        raise SettingRejected(f"{where} is {shown}, but must be {describe(kind)}.") from None


def describe(kind: Any) -> str:
    """Say in words what values a kind of setting takes."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is Literal:
        return " or ".join(str(each) for each in args)
    if origin in (Union, types.UnionType):
        return describe(args[0])
    if origin is tuple:
        return "a list"
    if origin is dict:
        return "a map"
    words = {int: "a whole number", float: "a number", bool: "true or false", Path: "a path"}
    return words.get(kind, "text")


def _parse(kind: Any, value: object) -> object:
    origin, args = get_origin(kind), get_args(kind)
    if origin is Literal:
        return _one_of(args, value)
    if origin in (Union, types.UnionType):
        return _parse(args[0], value) if value != "" else None
    if origin is tuple:
        items = value.split(",") if isinstance(value, str) else list(value)  # type: ignore[call-overload]
        return tuple(_text(each).strip() for each in items if _text(each).strip())
    if origin is dict:
        return _map(value)
    return _scalar(kind, value)


def _scalar(kind: Any, value: object) -> object:
    if kind is bool:
        return value if isinstance(value, bool) else _truth(_text(value))
    if isinstance(value, bool):
        raise ValueError(value)
    if kind is int and isinstance(value, (int, str)):
        return int(value)
    if kind is float and isinstance(value, (int, float, str)):
        return _finite(float(value))
    if kind is Path and isinstance(value, (str, Path)) and str(value):
        return Path(value).expanduser()
    if kind is str:
        return _text(value)
    raise ValueError(value)


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(value)
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _truth(word: str) -> bool:
    if word.lower() in TRUE + FALSE:
        return word.lower() in TRUE
    raise ValueError(word)


def _one_of(options: tuple[Any, ...], value: object) -> object:
    if value not in options:
        raise ValueError(value)
    return value


def _map(value: object) -> dict[str, str]:
    if isinstance(value, Mapping):
        return {_text(key): _text(item) for key, item in value.items()}
    items = value.split(",") if isinstance(value, str) else list(value)  # type: ignore[call-overload]
    pairs = (each.partition("=") for each in items if each.strip())
    return {_full(key): _full(item) for key, _, item in pairs}


def _full(part: str) -> str:
    if not part.strip():
        raise ValueError(part)
    return part.strip()


def _default_file(values: Mapping[str, object]) -> Path | None:
    data = values.get("data", default_data())
    candidates = (Path(str(data)) / "fanlight.toml", SYSTEM_FILE)
    return next((path for path in candidates if _is_there(path)), None)


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError:
        return False


def _from_file(path: Path) -> dict[str, object]:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingRejected(
            f"the configuration file {path} cannot be read: {error.strerror}.",
            hint="Name one that exists and that you may read with --config.",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingRejected(
            f"the configuration file {path} is not TOML: {error}.", hint="See https://toml.io."
        ) from None
    return _from_tables(path, tables)


def _from_tables(path: Path, table: Mapping[str, object]) -> dict[str, object]:
    known = {setting.name: setting for setting in settings()}
    if strange := sorted(table.keys() - known.keys()):
        raise SettingRejected(
            f"{path} has the key `{strange[0][:60]}`, which is no setting.",
            hint="docs/reference/settings.md lists the keys.",
        )
    return {
        name: parse(known[name].kind, value, f"`{name}` in {path}")
        for name, value in table.items()
    }


def _texts() -> dict[str, str]:
    """Read the sentence below each field: Python does not keep it, its source does."""
    tree = ast.parse(inspect.getsource(ServeSettings)).body[0]
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    texts = {}
    for field, after in itertools.pairwise(body):
        match field, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=text)):
                texts[name] = " ".join(str(text).split())
            case _:
                pass
    return texts
