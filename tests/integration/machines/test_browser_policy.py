"""What the machine's Chromium refuses while somebody signs in, in a real machine."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from tests.integration.machines.running import RunningHost, running_host

from fanlight.guest.programs import CHROMIUM, CHROMIUM_FLAGS, LOGIN_POLICY
from fanlight.machines import Machine
from fanlight.testing.conformance import fresh_spec

pytestmark = pytest.mark.timeout(120)

PLACE = "/etc/chromium/policies/managed/fanlight.json"
PLAIN = "data:text/html,<p>shown"
SHOW = r"""
import json, re, subprocess, tempfile
flags, url = json.loads(%r)
with tempfile.TemporaryDirectory() as profile:
    argv = [%r, *flags, "--headless=new", "--dump-dom", "--timeout=4000",
            "--user-data-dir=" + profile, url]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=50)
# A page of the browser's own has hundreds of kilobytes of scripts and styles.
print(json.dumps(re.sub(r"(?s)<(script|style)\b.*?</\1>|<[^>]*>", "", done.stdout).strip()[:3000]))
"""
REFUSED = ("This page is blocked", "New Tab")
"""What Chromium 150 shows instead of a page that it refuses; before, it showed nothing."""


@pytest.fixture
async def host() -> AsyncIterator[RunningHost]:
    async with running_host() as running:
        yield running


async def shown(host: RunningHost, machine: Machine, url: str) -> str:
    """The words that the page holds in the end."""
    arguments = json.dumps([list(CHROMIUM_FLAGS), url])
    return str(json.loads(await host.python(machine, SHOW % (arguments, CHROMIUM))))


DEVELOPERS = ("DeveloperToolsAvailability", "RemoteDebuggingAllowed")
DEBUG = """
import json, socket, subprocess, tempfile, time
# What the browser spawned may still write while it is removed.
with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
    argv = [%r, *json.loads(%r), "--headless=new", "--remote-debugging-port=9333",
            "--user-data-dir=" + profile, "data:text/html,x"]
    browser = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    answered, deadline = False, time.monotonic() + 6
    while not answered and time.monotonic() < deadline and browser.poll() is None:
        with socket.socket() as probe:
            answered = probe.connect_ex(("127.0.0.1", 9333)) == 0
        time.sleep(0.05)
    browser.kill(); browser.wait()
print(answered)
"""


async def hold(host: RunningHost, machine: Machine, policy: dict[str, object]) -> None:
    """Put a policy in place, as the guest does."""
    await host.python(machine, f"open({PLACE!r}, 'w').write({json.dumps(policy)!r})")


async def test_a_login_shows_no_file(host: RunningHost) -> None:
    machine = await host.provider.start(fresh_spec())
    page = await shown(host, machine, "file:///etc/passwd")
    assert "fanlight:x:1000" in page, "without the policy it is shown"

    # What shows the page here is itself a developers' tool: these two are tried below.
    policy = {name: value for name, value in LOGIN_POLICY.items() if name not in DEVELOPERS}
    await hold(host, machine, policy)

    for url in ("file:///etc/passwd", "devtools://devtools/bundled/inspector.html"):
        page = await shown(host, machine, url)
        assert page == "" or any(each in page for each in REFUSED), page
    assert "shown" in await shown(host, machine, PLAIN)


async def test_nobody_debugs_the_browser_of_a_login(host: RunningHost) -> None:
    machine = await host.provider.start(fresh_spec())
    program = DEBUG % (CHROMIUM, json.dumps(CHROMIUM_FLAGS))
    assert (await host.python(machine, program)).strip() == "True", "without the policy it can be"

    await hold(host, machine, dict(LOGIN_POLICY))

    assert LOGIN_POLICY["DeveloperToolsAvailability"] == 2
    assert (await host.python(machine, program)).strip() == "False"
