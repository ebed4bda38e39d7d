"""What the list of tools says, so that a page can judge a bundle by it."""

from __future__ import annotations

from pathlib import Path

from fanlight.api.schemas import ToolAnswer
from fanlight.tools import Catalogue, read_tools


def test_every_tool_says_which_files_and_fields_its_credential_has(tmp_path: Path) -> None:
    answers = [ToolAnswer.model_validate(tool) for tool in Catalogue(tmp_path).list()]

    for answer in answers:
        tool = read_tools()[answer.name]
        said = [(f.path, tuple(f.fields), f.required) for f in answer.credential_paths]
        assert said == [(f.path, f.fields, f.required) for f in tool.credential]
        assert {f.path for f in answer.credential_paths if f.merge} == tool.merged
        assert answer.next_command == tool.next_command


def test_it_is_said_in_the_words_of_the_api(tmp_path: Path) -> None:
    answers = [ToolAnswer.model_validate(tool) for tool in Catalogue(tmp_path).list()]

    claude = next(answer for answer in answers if answer.name == "claude_code").model_dump()

    assert claude["nextCommand"] == "claude auth status"
    assert {
        "path": ".claude.json",
        "fields": ["oauthAccount"],
        "required": True,
        "merge": True,
    } in claude["credentialPaths"]
