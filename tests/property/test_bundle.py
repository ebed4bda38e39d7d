"""Whatever a bundle says, either it is refused or only listed files come out of it."""

from __future__ import annotations

import base64
import hashlib
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fanlight.client.api import BundleRefused
from fanlight.client.place import Expected, judge, put_in_place
from fanlight.errors import WireError
from fanlight.tools import read_tools
from fanlight.wire import bundle

TOOL = read_tools()["claude_code"]
EXPECTED = Expected("s1", "alice@example.test")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
paths = st.sampled_from(
    [".claude.json", ".claude/.credentials.json", "../.bashrc", "/etc/passwd", ".claude/../x"]
) | st.text(max_size=30)
contents = st.binary(max_size=60) | st.dictionaries(
    st.sampled_from(["oauthAccount", "claudeAiOauth", "mcpServers", "hooks"]),
    json_values,
    max_size=3,
).map(lambda data: json.dumps(data, indent=2).encode() + b"\n")


def described(path: str, content: bytes, mode: object) -> dict[str, Any]:
    content_b64 = base64.b64encode(content).decode()
    sha256 = hashlib.sha256(content).hexdigest()
    return {"path": path, "mode": mode, "sha256": sha256, "contentB64": content_b64}


modes = st.just(0o600) | st.sampled_from([0o777, 0o4755, True, "384"])
files = st.lists(st.builds(described, paths, contents, modes) | json_values, max_size=4)


@given(files=files)
def test_only_listed_files_with_listed_fields_are_ever_written(files: list[object]) -> None:
    text = json.dumps(
        {
            "format": bundle.FORMAT, "session": "s1", "tool": "claude_code", "nonce": "n",
            "account": "alice@example.test", "createdAt": "now", "files": files,
        }
    ).encode()  # fmt: skip
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory, "home")
        home.mkdir()
        try:
            opened = bundle.decode(text)
            judge(opened, TOOL, EXPECTED)
            put_in_place(opened, TOOL, home)
        except (WireError, BundleRefused):
            assert not list(home.iterdir())
        written = {str(p.relative_to(home)) for p in home.rglob("*") if p.is_file()}
        assert written <= {".claude.json", ".claude/.credentials.json"}
        for path, field in (
            (".claude.json", "oauthAccount"),
            (".claude/.credentials.json", "claudeAiOauth"),
        ):
            if path in written:
                assert set(json.loads((home / path).read_bytes())) == {field}
        assert [p.name for p in Path(directory).iterdir()] == ["home"]


@given(text=st.binary(max_size=200) | json_values.map(lambda v: json.dumps(v).encode()))
def test_what_is_no_bundle_is_refused_by_name(text: bytes) -> None:
    try:
        bundle.decode(text)
    except WireError:
        return
    raise AssertionError("taken")


@given(
    content=st.binary(max_size=50),
    words=st.tuples(*[st.text(max_size=50) for _ in range(5)]),
)
def test_a_bundle_comes_out_as_it_went_in(content: bytes, words: tuple[str, ...]) -> None:
    session, tool, account, nonce, created_at = words
    put_in = bundle.Bundle(
        session, tool, account, nonce, created_at, (bundle.BundledFile("a/b.txt", content),)
    )

    assert bundle.decode(bundle.encode(put_in)) == put_in
