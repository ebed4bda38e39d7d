"""What a person does to sign a tool in: press, look at the desktop, click into it, type."""

from __future__ import annotations

import asyncio
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from playwright.sync_api import Page, expect
from tests.providers import Page as ProviderPage
from tests.providers import Provider
from tests.providers.proxy import pinned_proxy

from . import looking, tool_cache

RESULTS = Path(__file__).parents[2] / "test-results" / "stages"
FIELD = {"wrangler": (640, 234), "gh": (110, 185), "claude_code": (110, 185), "codex": (110, 185)}
"""Pixels of the display where a provider's first page has its field."""
PASSWORD_FIELD = {"wrangler": (540, 270, 200, 36)}
TITLES = {
    "wrangler": "Wrangler",
    "gh": "GitHub CLI",
    "claude_code": "Claude Code",
    "codex": "Codex",
}
STILL_S = 0.4
PAGE_S = 40.0

GREYS = """([x, y, w, h]) => {
  const video = document.querySelector("fanlight-viewer").video;
  if (!video?.videoWidth) return [];
  const scale = Math.min(1, 256 / w);
  const [width, height] = [Math.round(w * scale), Math.round(h * scale)];
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.drawImage(video, x, y, w, h, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const greys = [];
  for (let at = 0; at < data.length; at += 4) {
    greys.push((data[at] * 3 + data[at + 1] * 6 + data[at + 2]) / 10 | 0);
  }
  return greys;
}"""

Box = tuple[int, int, int, int]


def screenshot(page: Page, name: str) -> None:
    """Keep how the page looks now."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=RESULTS / f"{name}.png", full_page=True)


def connect(page: Page, tool: str) -> str:
    """From the dashboard press what asks for a tool; give the session's id."""
    page.get_by_role("link", name="Connect CLI tool").click()
    page.get_by_role("button", name=TITLES[tool]).click()
    page.wait_for_url("**/dashboard/remote-cli/auth?*")
    return session_of(page)


def session_of(page: Page) -> str:
    """Give the session's id out of the page's address."""
    return page.url.split("session=")[1].split("&")[0]


class Desktop:
    """The desktop in the picture, as a person sees and uses it."""

    def __init__(self, page: Page, provider: Provider, tool: str) -> None:
        self.page, self._provider, self._tool = page, provider, tool
        self._asked = {each.asked: provider.count(each.asked) for each in provider.pages}
        x, y = FIELD[tool]
        self.field: Box = (x - 100, y - 16, 200, 32)
        self.password_field: Box = PASSWORD_FIELD.get(tool, (220, 169, 200, 32))

    def greys(self, box: Box = (0, 40, 1280, 680)) -> list[int]:
        """Give the brightness in a box of the picture: left, top, width, height.

        Of every pixel in a narrow box; a wide one is scaled down.
        """
        found: list[int] = self.page.evaluate(GREYS, box)
        return found

    def wait_for_sign_in_page(self) -> None:
        """Press nothing; the picture comes, and the tool's page in it."""
        looking.wait_for_picture(self.page)
        self._wait_for_request(self._provider.pages[0], 1)
        self._wait(lambda: has_lines(self.greys(self.field)), "the field of the page")
        self.wait_until_still()

    def go_on(self, key: str, page: ProviderPage, *, times: int = 1) -> None:
        """Press a key that leads to a provider's page; wait until it was fetched and is drawn."""
        before = self.greys()
        self.page.keyboard.press(key)
        self._wait_for_request(page, times)
        self._wait(lambda: changed(before, self.greys()) > 20, "another page")
        self.wait_until_still()

    def _wait_for_request(self, page: ProviderPage, times: int) -> None:
        count = self._asked.get(page.asked, 0) + times
        self._wait(lambda: self._provider.count(page.asked) >= count, page.asked)

    def wait_until_still(self) -> None:
        """Wait until nothing in the picture changes any more."""
        last, since = self.greys(), time.monotonic()
        deadline = since + PAGE_S
        while time.monotonic() < since + STILL_S:
            assert time.monotonic() < deadline, "the picture does not come to rest"
            self.page.wait_for_timeout(80)
            now = self.greys()
            if changed(last, now) > 20:
                since = time.monotonic()
            last = now

    def click_into_field(self) -> None:
        """Click where the first page has its field."""
        looking.click(self.page, *FIELD[self._tool])

    def type(self, keys: Iterable[str]) -> None:
        """Type; `<Tab>` and the like are keys."""
        for words in keys:
            if words.startswith("<"):
                self.page.keyboard.press(words.strip("<>"))
            else:
                self.page.keyboard.type(words)

    def type_and_see(self, text: str, box: Box) -> None:
        """Type words and wait until they are seen in a part of the picture."""
        before = self.greys(box)
        self.page.keyboard.type(text)
        self._wait(lambda: changed(before, self.greys(box)) > 8 * len(text), "typed words")

    def fill_in(self) -> None:
        """Type account and password into the first page, and see both."""
        # A loaded browser may take a click up after the keys that came behind it; so look first.
        self.click_into_field()
        self.type_and_see(self._provider.account, self.field)
        self.page.keyboard.press("Tab")
        self.type_and_see(self._provider.password, self.password_field)

    def sign_in(self, *, consent: bool = True) -> None:
        """Type account and password on the first page, and consent (or not) on the second."""
        first, second = self._provider.pages
        self.wait_for_sign_in_page()
        self.fill_in()
        self.go_on("Enter", second, times=2 if first.asked == second.asked else 1)
        self.type(("<Enter>",) if consent else ("<Tab>", "<Enter>"))

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PAGE_S
        while not condition():  # looking, not blocking: the page's own loop must turn
            assert time.monotonic() < deadline, (
                f"not seen: {what}; {self._provider.requests[-12:]}"
            )
            self.page.wait_for_timeout(50)


def changed(before: list[int], now: list[int]) -> int:
    """Say how many pixels are clearly of another brightness."""
    if len(before) != len(now):
        return max(len(before), len(now))
    return sum(abs(a - b) > 40 for a, b in zip(before, now, strict=True))


def has_lines(greys: list[int]) -> bool:
    """Say whether there is more in a part of the picture than an empty page."""
    return bool(greys) and max(greys) - min(greys) > 60


def wait_for_question(page: Page, account: str) -> None:
    """Wait until the page asks whether it is the right account."""
    expect(page.get_by_role("heading", name="Is this the right account?")).to_be_visible(
        timeout=60_000
    )
    expect(page.locator("p.account")).to_have_text(account)


def download(page: Page, home: Path) -> None:
    """Take the credential that the page opened, and unpack it as the page says."""
    button = page.get_by_role("button", name="Download fanlight-")
    expect(button).to_be_visible(timeout=30_000)
    with page.expect_download() as started:
        button.click()
    archive = home / started.value.suggested_filename
    started.value.save_as(archive)
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            assert member.isfile()
            assert member.mode == 0o600
        subprocess.run(["tar", "-xpf", archive, "-C", home], check=True)
    archive.unlink()


def run_outside(provider: Provider, ca_file: Path, home: Path, tool: str) -> tuple[int, str]:
    """Ask the tool, outside of any machine, who is signed in: its status and what it says."""
    return tool_cache.in_thread(_run_outside(provider, ca_file, home, tool))


async def _run_outside(
    provider: Provider, ca_file: Path, home: Path, tool: str
) -> tuple[int, str]:
    told = tool_cache.spec(tool)
    async with pinned_proxy(provider.pins) as proxy:
        env = {
            "HOME": str(home),
            "PATH": ":".join([*told.path, "/usr/bin", "/bin"]),
            "HTTPS_PROXY": proxy,
            "NO_PROXY": "127.0.0.1,localhost",
            "NODE_EXTRA_CA_CERTS": str(ca_file),
            "SSL_CERT_FILE": str(ca_file),
            **told.env,
        }
        child = await asyncio.create_subprocess_exec(
            *told.status_command, env=env, cwd=home, stdin=-3, stdout=-1, stderr=-2
        )
        output, _ = await child.communicate()
        return child.returncode or 0, output.decode()
