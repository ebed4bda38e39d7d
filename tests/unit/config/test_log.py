"""What a log line never has in it."""

from __future__ import annotations

import io
import json
import pickle

import pytest

from fanlight import log

CANARY = "s3cr3t-canary"


def test_a_secret_shows_itself_only_when_asked_by_name() -> None:
    secret = log.Secret(CANARY)
    assert CANARY not in f"{secret} {secret!r} {[secret]} {secret:>20}"
    assert secret.reveal() == CANARY
    with pytest.raises(TypeError):
        pickle.dumps(secret)


@pytest.mark.parametrize("style", ["console", "json"])
def test_no_captured_line_has_a_secret_or_a_control_character_in_it(style: str) -> None:
    lines = io.StringIO()
    log.configure(style="json" if style == "json" else "console", to=lines)
    log.get("test").info(
        "prompt shown",
        token=log.Secret(CANARY),
        headers={"authorization": log.Secret(CANARY)},
        url=log.redact_query(f"https://ada:{CANARY}@idp.test/cb?code={CANARY}#{CANARY}"),
        title="\x1b]0;owned\x07\u202e",
    )
    written = lines.getvalue()
    assert "prompt shown" in written
    assert CANARY not in written
    assert not any(sign in written for sign in ("\x1b]", "\x07", "\u202e", "\\u001b", "\\u202e"))


def test_each_json_line_is_an_object_of_its_own() -> None:
    lines = io.StringIO()
    log.configure(style="json", to=lines)
    log.get("test").warning("two\nlines", percent=40)
    (line,) = lines.getvalue().splitlines()
    assert json.loads(line)["percent"] == 40


def test_a_line_below_the_level_is_not_written() -> None:
    lines = io.StringIO()
    log.configure(level="error", to=lines)
    log.get("test").info("nobody reads this")
    assert lines.getvalue() == ""


def test_a_url_keeps_what_is_in_front_of_its_query() -> None:
    assert log.redact_query("https://idp.test:8443/cb?code=1") == "https://idp.test:8443/cb?***"
    assert log.redact_query("http://[::1") == "(not a URL)"
