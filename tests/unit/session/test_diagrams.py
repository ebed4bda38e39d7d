"""The pages of the state machines are what their tables say."""

from pathlib import Path

import pytest

from fanlight.session.diagram import main, pages

STATES = Path(__file__).parents[3] / "docs" / "explanation" / "states"


@pytest.mark.parametrize("name", sorted(pages()))
def test_the_page_of_states_is_fresh(name: str) -> None:
    remedy = "run `python -m fanlight.session.diagram docs/explanation/states`"
    assert (STATES / name).read_text(encoding="utf-8") == pages()[name], remedy


def test_the_pages_are_written_where_they_are_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["diagram", str(tmp_path)])
    main()
    assert {path.name for path in tmp_path.iterdir()} == set(pages())
