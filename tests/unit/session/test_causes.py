"""The table of causes is whole, and agrees with the other tables of codes."""

from __future__ import annotations

import re

import pytest

from fanlight import errors
from fanlight.session.host_causes import ALL
from fanlight.session.meanings import MEANINGS

TITLES_OF_ERRORS: dict[str, str] = {
    kind.code: kind.title for kind in (getattr(errors, name) for name in errors.__all__)
}


@pytest.mark.parametrize("code", ALL)
def test_a_cause_has_a_headline_and_sentences(code: str) -> None:
    cause = ALL[code]

    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)
    assert not cause.title.endswith(".")
    for words in (cause.text, cause.hint, cause.found, cause.operator):
        assert words.endswith(".")
        assert "  " not in words


@pytest.mark.parametrize("code", sorted(ALL.keys() & (MEANINGS.keys() | TITLES_OF_ERRORS.keys())))
def test_a_code_that_is_also_a_problem_has_the_same_title(code: str) -> None:
    other = MEANINGS[code].title if code in MEANINGS else TITLES_OF_ERRORS[code]

    assert ALL[code].title == other
