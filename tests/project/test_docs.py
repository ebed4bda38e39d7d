"""The documentation is true to the code and to itself."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

from fanlight.session.host_causes import ALL

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_to_a_file_resolves(page: Path) -> None:
    targets = [t for t in LINK.findall(page.read_text()) if "://" not in t and t[0] != "/"]

    missing = [target for target in targets if not (page.parent / target).exists()]

    assert not missing


def test_generated_pages_are_fresh() -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec
    assert spec.loader
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)

    stale = [
        name
        for name, page in generate.PAGES.items()
        if (ROOT / "docs" / name).read_text() != page()
    ]

    assert not stale, "run ./dev generate"


def test_every_cause_has_its_page_and_every_page_its_cause() -> None:
    pages = {path.stem for path in (ROOT / "docs" / "problems").glob("*.md")}

    assert pages == set(ALL)


def test_every_dev_command_is_in_its_help() -> None:
    script = (ROOT / "dev").read_text()
    commands = set(re.search(r"^    (up \|[^)]*)\)", script, re.M).group(1).split(" | "))  # type: ignore[union-attr]

    helped = set(re.findall(r"^#: (\w+)", script, re.M))

    assert commands | {"test", "help"} == helped


def test_the_project_speaks_of_itself_alone() -> None:
    foreign = re.compile(r"\bissue #?\d+|/work/|farm-bench|\bsubagent\b", re.I)
    tracked = [p for d in ("src", "docs", "tests", "bench", "web") for p in (ROOT / d).rglob("*")]
    texts = [p for p in tracked if p.suffix in {".py", ".md", ".ts", ".tsx", ".mjs", ".toml"}]
    own = [
        p for p in texts if not {"node_modules", "built"} & set(p.parts) and p != Path(__file__)
    ]

    assert not [str(p) for p in own if foreign.search(p.read_text(errors="replace"))]


def test_every_metric_is_on_its_page() -> None:
    from prometheus_client import REGISTRY

    import fanlight.controller.metrics  # noqa: F401 - registers them

    page = (ROOT / "docs/reference/metrics.md").read_text()

    families = {each.name: each.type for each in REGISTRY.collect()}
    ours = {name: kind for name, kind in families.items() if name.startswith("fanlight_")}
    listed = {name + "_total" * (kind == "counter") for name, kind in ours.items()}
    assert len(listed) > 20
    assert not [name for name in listed if f"`{name}`" not in page]
