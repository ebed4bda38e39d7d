"""A session's events, resumed by Last-Event-ID through a controller that was killed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
from playwright.sync_api import Page

from fanlight.testing.server import RunningServer

from . import looking

Kept = tuple[int, str, Any]


def read(url: str, key: str, after: int, until: Callable[[str, Any], bool]) -> list[Kept]:
    """Give the numbered events after one, until one that is wanted or the stream's end."""
    headers = {"Authorization": f"Bearer {key}", "Last-Event-ID": str(after)}
    found: list[Kept] = []
    with httpx.stream("GET", url, headers=headers, timeout=30) as stream:
        assert stream.status_code == 200
        fields: dict[str, str] = {}
        for line in stream.iter_lines():
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
                continue
            if "id" in fields:
                data = json.loads(fields["data"])
                found.append((int(fields["id"]), fields["event"], data))
                if until(fields["event"], data):
                    return found
            fields = {}
    return found


def test_no_event_is_lost_or_doubled_by_a_controllers_death(
    server: RunningServer, person: Callable[[], Page]
) -> None:
    with person() as page:
        page.goto("/dashboard")
        key = page.evaluate(looking.NEW_KEY)
        session = looking.start(page)["sessionId"]
        url = f"{server.url}/api/auth/session/{session}/events"
        first = read(url, key, 0, lambda name, data: data.get("percent", 0) >= 40)
        server.kill()
        server.start(port=int(server.url.rsplit(":", 1)[1]))
        second = read(
            url, key, first[-1][0], lambda name, data: data.get("status") == "vm_created"
        )
        looking.end(page, session)
        third = read(url, key, second[-1][0], lambda name, data: False)
        assert third[-1][1] == "end"
        whole = first + second + third
        numbers = [number for number, _, _ in whole]
        assert numbers == sorted(set(numbers))
        assert numbers == list(range(1, len(numbers) + 1))
        assert [each[:2] for each in read(url, key, 0, lambda name, data: False)] == [
            each[:2] for each in whole
        ]
