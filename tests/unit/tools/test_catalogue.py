"""The catalogue: what its files say, and putting tools on a host."""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
from importlib import resources
from pathlib import Path, PurePosixPath

import pytest

from fanlight.errors import PackageMissing, ToolNotInstalled, UnknownTool
from fanlight.tools import Catalogue, Install, Tool, read_tools
from fanlight.tools.installing import NODE_VERSION, install_tool
from fanlight.wire import bundle

LOCKS = Path(str(resources.files("fanlight.tools"))) / "locks"
TOOLS = read_tools()
NPM_TOOLS = [tool for tool in TOOLS.values() if tool.install.kind == "npm"]


def test_the_tools_of_the_first_release_are_there() -> None:
    assert list(TOOLS) == ["claude_code", "codex", "gcloud", "gh", "wrangler"]


@pytest.mark.parametrize("tool", TOOLS.values(), ids=lambda tool: tool.name)
def test_every_credential_path_stays_under_home(tool: Tool) -> None:
    assert all(bundle.is_plain_path(file.path) for file in tool.credential)
    assert any(file.required for file in tool.credential)
    assert tool.merged <= {file.path for file in tool.credential}


def test_only_the_account_leaves_a_file_that_can_make_claude_run_programs() -> None:
    (settings,) = [f for f in TOOLS["claude_code"].credential if f.path == ".claude.json"]
    hostile = json.dumps({"oauthAccount": {"a": 1}, "mcpServers": {"x": {"command": "evil"}}})

    assert json.loads(bundle.keep_allowed(settings, hostile.encode())) == {
        "oauthAccount": {"a": 1}
    }


@pytest.mark.parametrize(
    ("name", "shown", "account"),
    [
        ("wrangler", '{ "loggedIn": true, "email": "a@b.test" }', "a@b.test"),
        ("claude_code", '{\n  "email": "a@b.test",\n}', "a@b.test"),
        ("codex", 'Logged in using ChatGPT\n{"email": "a@b.test"}', "a@b.test"),
        ("gh", "  x Logged in to github.com as octo-cat (/h/hosts.yml)", "octo-cat"),
        ("gh", "  x Logged in to github.com account octo-cat (keyring)", "octo-cat"),
        ("gcloud", "a@b.test\n", "a@b.test"),
    ],
)
def test_the_account_is_read_from_what_the_status_command_says(
    name: str, shown: str, account: str
) -> None:
    found = re.search(TOOLS[name].account_pattern, shown)

    assert found
    assert found["account"] == account


@pytest.mark.parametrize("tool", NPM_TOOLS, ids=lambda tool: tool.name)
def test_a_lock_pins_the_version_with_hashes_and_names_no_registry(tool: Tool) -> None:
    wanted = json.loads((LOCKS / tool.name / "package.json").read_text())["dependencies"]
    lock = json.loads((LOCKS / tool.name / "package-lock.json").read_text())

    packages = {path: entry for path, entry in lock["packages"].items() if path}

    assert wanted == {tool.install.package: tool.version}
    assert packages[f"node_modules/{tool.install.package}"]["version"] == tool.version
    assert all(entry["integrity"].startswith("sha512-") for entry in packages.values())
    assert not [path for path, entry in packages.items() if "resolved" in entry]


def test_a_spec_names_places_inside_the_machine(tmp_path: Path) -> None:
    pretend_installed(tmp_path, "wrangler")

    spec = Catalogue(tmp_path).spec("wrangler")

    tree = f"/opt/fanlight/tools/wrangler/{spec.version}"
    assert spec.command[0] == f"{tree}/node_modules/.bin/wrangler"
    assert spec.path[-1] == f"/opt/fanlight/tools/node/{NODE_VERSION}/bin"
    assert spec.sign_out_revokes
    assert str(tmp_path) not in repr(spec)
    assert "{" not in "".join(spec.command)


def test_unknown_and_missing_tools_are_named_with_their_remedy(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path)

    with pytest.raises(UnknownTool, match="nonesuch"):
        catalogue.spec("nonesuch")
    with pytest.raises(ToolNotInstalled) as caught:
        catalogue.spec("wrangler")
    assert "fanlight tools install wrangler" in caught.value.hint


def test_the_list_says_what_is_here(tmp_path: Path) -> None:
    pretend_installed(tmp_path, "codex")

    listed = {tool.name: tool for tool in Catalogue(tmp_path).list()}

    assert listed["codex"].installed
    assert not listed["wrangler"].installed
    assert not listed["gcloud"].installable
    assert listed["gcloud"].note
    assert listed["wrangler"].installable


def test_an_operator_can_turn_installing_off(tmp_path: Path) -> None:
    pretend_installed(tmp_path, "codex")
    catalogue = Catalogue(tmp_path, may_install=False)

    listed = {tool.name: tool for tool in catalogue.list()}

    assert not listed["wrangler"].installable
    assert "fanlight tools install wrangler" in listed["wrangler"].note
    with pytest.raises(ToolNotInstalled):
        catalogue.needs_install("wrangler")
    assert not catalogue.needs_install("codex")
    assert Catalogue(tmp_path).needs_install("wrangler")


def test_checking_a_tool_runs_it_and_keeps_nothing_that_it_leaves(tmp_path: Path) -> None:
    pretend_installed(tmp_path, "wrangler")
    program = tmp_path / "tools" / "wrangler" / TOOLS["wrangler"].version
    program = program / "node_modules" / ".bin" / "wrangler"
    program.parent.mkdir(parents=True)
    program.write_text('#!/bin/sh\ntouch "$HOME/left" && echo "$HOME"\n')
    program.chmod(0o755)

    home = Path(asyncio.run(Catalogue(tmp_path).check("wrangler")))

    assert home.is_absolute()
    assert not home.exists()


async def test_a_missing_system_package_is_named(tmp_path: Path) -> None:
    missing = tool_like("gh", Install("apt", "gh", str(tmp_path / "gh")))

    with pytest.raises(PackageMissing) as caught:
        await install_tool(tmp_path, missing, lambda line: None)

    assert "apt-get install gh" in caught.value.hint


async def test_a_tool_that_cannot_be_installed_says_why(tmp_path: Path) -> None:
    manual = tool_like("gcloud", Install("manual", program=str(tmp_path / "gcloud")))

    with pytest.raises(ToolNotInstalled) as caught:
        await install_tool(tmp_path, manual, lambda line: None)

    assert caught.value.hint == TOOLS["gcloud"].note


async def test_a_failed_install_leaves_nothing_and_tells_npms_last_words(tmp_path: Path) -> None:
    fake_node(tmp_path, "echo npm ERR registry is away; exit 1")

    with pytest.raises(ToolNotInstalled, match="npm ended with status 1") as caught:
        await install_tool(tmp_path, TOOLS["wrangler"], lambda line: None)

    assert caught.value.tail == "npm ERR registry is away"
    assert "npm ping" in caught.value.hint
    assert await asyncio.to_thread(os.listdir, tmp_path / "wrangler") == []


async def test_a_full_disk_is_named(tmp_path: Path) -> None:
    fake_node(tmp_path, "echo npm error code ENOSPC; exit 228")

    with pytest.raises(ToolNotInstalled) as caught:
        await install_tool(tmp_path, TOOLS["wrangler"], lambda line: None)

    assert "space" in caught.value.hint


async def test_two_installs_at_once_run_npm_once(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    fake_node(tmp_path, f"echo run >> {runs}; sleep 0.05; mkdir node_modules")

    async with asyncio.TaskGroup() as tasks:
        for _ in range(2):
            tasks.create_task(install_tool(tmp_path, TOOLS["wrangler"], lambda line: None))

    assert await asyncio.to_thread(runs.read_text) == "run\n"


async def test_what_a_killed_install_left_is_removed_by_the_next(tmp_path: Path) -> None:
    version = TOOLS["wrangler"].version
    (tmp_path / "wrangler" / f".{version}.half").mkdir(parents=True)
    fake_node(tmp_path, "mkdir node_modules")

    await install_tool(tmp_path, TOOLS["wrangler"], lambda line: None)

    assert await asyncio.to_thread(os.listdir, tmp_path / "wrangler") == [version]


async def test_an_interrupted_install_leaves_nothing(tmp_path: Path) -> None:
    fake_node(tmp_path, "echo npm http fetch x; exec sleep 60")
    running = asyncio.Event()

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(
            install_tool(
                tmp_path,
                TOOLS["wrangler"],
                lambda line: running.set() if line.startswith("http fetch") else None,
            )
        )
        await running.wait()
        task.cancel()

    assert await asyncio.to_thread(os.listdir, tmp_path / "wrangler") == []


async def test_an_installed_tree_is_readable_by_everybody(tmp_path: Path) -> None:
    script = "umask 077; mkdir -p node_modules/.bin; echo x > node_modules/.bin/wrangler; "
    fake_node(tmp_path, script + "chmod 700 node_modules/.bin/wrangler")
    before = os.umask(0o077)
    try:
        await install_tool(tmp_path, TOOLS["wrangler"], lambda line: None)
    finally:
        os.umask(before)

    tree = tmp_path / "wrangler" / TOOLS["wrangler"].version
    modes = await asyncio.to_thread(modes_below, tree)
    assert modes[tree / "node_modules" / ".bin" / "wrangler"] == 0o755
    assert modes[tree / "package.json"] == 0o644
    assert modes[tree] == modes[tree / "node_modules"] == 0o755


def modes_below(tree: Path) -> dict[Path, int]:
    return {path: stat.S_IMODE(path.stat().st_mode) for path in [tree, *tree.rglob("*")]}


def pretend_installed(data: Path, name: str) -> None:
    (data / "tools" / name / TOOLS[name].version).mkdir(parents=True)
    fake_node(data / "tools", "true")


def fake_node(tools: Path, script: str) -> None:
    node = tools / "node" / NODE_VERSION / "bin" / "node"
    node.parent.mkdir(parents=True)
    node.write_text(f"#!/bin/sh\n{script}\n")
    node.chmod(0o755)


def tool_like(name: str, install: Install) -> Tool:
    values = {field: getattr(TOOLS[name], field) for field in Tool.__dataclass_fields__}
    return Tool(**(values | {"install": install}))


def test_inside_can_be_another_place(tmp_path: Path) -> None:
    pretend_installed(tmp_path, "codex")

    spec = Catalogue(tmp_path).spec("codex", inside=PurePosixPath("/elsewhere"))

    assert spec.command[0].startswith("/elsewhere/codex/")
