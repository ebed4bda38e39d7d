"""Every code that a person can meet says what it means."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fanlight import errors
from fanlight.session.causes import CAUSES
from fanlight.session.meanings import ENDS, LOGIN_ENDS, MEANINGS, NOTICES, Meaning

SOURCE = Path(errors.__file__).parents[1]
SAID = re.compile(
    r"(?:Reason|Failed|_end_with|_no_answer|NameReason|notice)\(\s*(?:pair, )?"
    r'"([a-z]+(?:-[a-z]+)+)"'
)
KINDS = {getattr(errors, name).code for name in errors.__all__}


def test_every_code_that_is_said_has_a_meaning() -> None:
    texts = [path.read_text() for path in SOURCE.rglob("*.py")]
    said = {code for text in texts for code in SAID.findall(text)}

    assert len(said) > 20
    assert not said - set(MEANINGS) - set(CAUSES) - KINDS


def test_no_code_has_two_meanings() -> None:
    assert len(MEANINGS) == len(ENDS) + len(LOGIN_ENDS) + len(NOTICES)
    assert not set(MEANINGS) & KINDS


@pytest.mark.parametrize("meaning", MEANINGS.values(), ids=list(MEANINGS))
def test_a_meaning_reads_well(meaning: Meaning) -> None:
    assert not meaning.title.endswith(".")
    assert meaning.text.endswith(".")
    assert meaning.hint.endswith(".")
