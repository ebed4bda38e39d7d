"""Sessions started and ended by the hundred, a third of them hit at a random moment.

What is killed is a session's guest or its machine, or what all share: the gateway, the controller
(which is started again), the keeper. Every session must end with the right reason, and afterwards
nothing of this server may be left on the host. The exit status says whether that held.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from fanlight.host import Layout
from fanlight.host.leftovers import cgroup_name
from fanlight.testing.server import RunningServer

from .processes import ancestors, command_lines, find, machine_of, parent_of
from .report import describe_host

VICTIMS = ("guest", "machine", "gateway", "controller", "keeper")
WEIGHTS = (8, 8, 4, 3, 1)
"""Of those that are hit: what hits one session is tried most."""
STAGES = ("accepted", "machine", "display", "media", "ready")
GUESTS = ("/usr/bin/python3 -I -S /opt/fanlight/guest.pyz", "/usr/bin/qemu-system")
"""How the command lines of what runs in a machine begin."""
HITS = {"guest": "machine", "machine": "machine", "keeper": "keeper"}
RIGHT = {
    "": {"ended-by-owner"},
    "controller": {"ended-by-owner", "controller-restarted"},
    "machine": {"machine-died", "machine-refused"},
    "keeper": {
        *("machine-died", "machine-refused", "machine-gone", "ended-by-owner"),
        "keeper-unavailable",
    },
}
"""Reasons with which a session may end, by what hit it. A keeper's end hits all that are alive:
some of them were ending already, and of some the machine was just asked for. A controller's end
hits those only that have no machine yet."""
STAGE_S, END_S, LEFT_S = 90.0, 60.0, 30.0


@dataclass
class Run:
    """All sessions of one run, and who hit them."""

    server: RunningServer
    plan: list[tuple[str, str]]
    """For each session what is killed, if anything, and at which stage."""
    client: httpx.Client
    lock: threading.Lock = field(default_factory=threading.Lock)
    births: threading.Lock = field(default_factory=threading.Lock)
    """Held while a session is born, and while the keeper is killed: it is hit or it is not."""
    restarting: threading.Lock = field(default_factory=threading.Lock)
    hit: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """What hit each session: it may be more than one thing."""
    alive: set[str] = field(default_factory=set)
    kills: Counter[str] = field(default_factory=Counter)
    at: Counter[str] = field(default_factory=Counter)
    """What was killed, and at which stage of whose session."""
    reasons: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str, **more: object) -> httpx.Response:
        """Ask the server, which may be on its way back."""
        deadline = time.monotonic() + STAGE_S
        while True:
            with contextlib.suppress(httpx.TransportError):
                answer = self.client.request(method, self.server.url + path, **more)  # type: ignore[arg-type]
                if answer.status_code != 503:
                    return answer
            if time.monotonic() > deadline:
                raise TimeoutError(f"{method} {path}: no server")
            time.sleep(0.2)

    def one(self, number: int) -> None:
        """Start a session, perhaps have something killed, and see it end."""
        victim, stage = self.plan[number]
        with self.births:
            id_ = self.ask("POST", "/api/auth/start", json={}).json()["sessionId"]
            self.alive.add(id_)
        if victim and self._until(id_, stage):
            done = self._kill(victim, id_)
            with self.lock:
                self.at[f"{victim} at {stage}" if done else f"{victim}: gone before"] += 1
        if "machine" not in self.hit[id_]:  # it must end by itself otherwise
            self._until(id_, "ready")
            self.ask("DELETE", f"/api/auth/session/{id_}")
        self._until(id_, "ended", END_S)
        self._judge(number, id_)

    def _until(self, id_: str, stage: str, timeout_s: float = STAGE_S) -> bool:
        """Wait for a stage; False: the session ended before."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            view = self.ask("GET", f"/api/auth/session/{id_}").json()
            done = {each["name"] for each in view["stages"] if each["done"]} | {"accepted"}
            if view["status"] == "ended":
                return stage == "ended"
            if stage in done:
                return True
            time.sleep(0.05)
        with self.lock:
            self.wrong.append(f"{id_}: no {stage} in {timeout_s:g} s")
        return False

    def _judge(self, number: int, id_: str) -> None:
        view = self.ask("GET", f"/api/auth/session/{id_}").json()
        code = (view["reason"] or {}).get("code", "none")
        with self.lock:
            self.alive.discard(id_)
            self.reasons[code] += 1
            by = sorted(self.hit[id_])
            if not any(code in RIGHT[each] for each in by or [""]):
                said = " and ".join(by) or "nothing"
                self.wrong.append(f"{id_}, hit by {said}, ended as {code}")
        print(f"chaos: {number + 1}, {' and '.join(by) or 'left alone'}: {code}", file=sys.stderr)

    # --- killing ------------------------------------------------------------------------------

    def _kill(self, victim: str, id_: str) -> bool:
        """Kill it; False: it was not there."""
        if victim == "controller":
            self._restart_controller()
            return True
        with self.births if victim == "keeper" else self.lock:
            found = {
                "guest": lambda: self._guest(id_),
                "machine": lambda: self._machine(id_),
                "gateway": lambda: find(str(self.server.data), "gateway.pyz"),
                "keeper": self._keeper,
            }[victim]()
            if not found:
                return False
            for pid in found:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    return False
            self.kills[victim] += 1
            for each in set(self.alive) if victim == "keeper" else {id_}:
                if victim in HITS:
                    self.hit[each].add(HITS[victim])
        return True

    def _restart_controller(self) -> None:
        with self.restarting, self.births:
            self.kills["controller"] += 1
            for each in set(self.alive):
                if not self._has_machine(each):
                    self.hit[each].add("controller")
            port = int(self.server.url.rpartition(":")[2])
            self.server.kill()
            self.server.start(port=port)

    def _has_machine(self, id_: str) -> bool:
        view = self.ask("GET", f"/api/auth/session/{id_}").json()
        return any(each["done"] for each in view["stages"] if each["name"] == "machine")

    def _machine(self, id_: str) -> list[int]:
        return machine_of(self.server.data, id_)

    def _guest(self, id_: str) -> list[int]:
        inside = [pid for pid, line in command_lines() if line.startswith(GUESTS)]
        machine = set(self._machine(id_))
        return [pid for pid in inside if machine & set(ancestors(pid)) and pid not in machine][:1]

    def _keeper(self) -> list[int]:
        gateway = find(str(self.server.data), "gateway.pyz")
        return [parent_of(pid) for pid in gateway[:1]]


def left_of(data: Path, devices: frozenset[str]) -> dict[str, object]:
    """Give what is left of a server on this host: nothing, if all is well.

    Args:
        data: its directory.
        devices: the host's taps and nft tables before (`host_network`).
    """
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    own = f"*{cgroup_name(Layout(data))}*"
    machines = data / "run" / "m"
    members = processes_of(data)
    found: dict[str, object] = {
        "processes": members,
        "namespaces": sorted({each for pid in members for each in namespaces_of(pid)}),
        "taps and tables": sorted(host_network() - devices),
        "parts": [str(each) for each in data.rglob("*.part")],
        "mounts": [line for line in mounts if str(data) in line],
        "cgroups": [str(each) for each in Path("/sys/fs/cgroup").rglob(own) if each.is_dir()],
        "files": [each.name for each in machines.iterdir()] if machines.exists() else [],
        "sockets": [each.name for each in (data / "run").glob("*.sock")],
    }
    return {name: value for name, value in found.items() if value}


def processes_of(data: Path) -> list[int]:
    """Give the processes that name the directory, or are in its control groups, but for those
    that run this bench: their arguments name it too."""
    group, found = cgroup_name(Layout(data)), []
    ours = {os.getpid(), *ancestors(os.getpid())}
    for pid, line in command_lines():
        if pid in ours:
            continue
        with contextlib.suppress(OSError):
            if str(data) in line or group in Path(f"/proc/{pid}/cgroup").read_text():
                found.append(pid)
    return found


def namespaces_of(pid: int) -> set[str]:
    """Give the namespaces of a process that are not ours."""
    found = set()
    for kind in ("net", "mnt", "pid"):
        with contextlib.suppress(OSError):
            name = os.readlink(f"/proc/{pid}/ns/{kind}")
            if name != os.readlink(f"/proc/self/ns/{kind}"):
                found.add(name)
    return found


def host_network() -> frozenset[str]:
    """Give the host's tap devices and nft tables, which no machine should need."""
    taps = {each.parent.name for each in Path("/sys/class/net").glob("*/tun_flags")}
    if not (nft := shutil.which("nft")):
        return frozenset(taps)
    said = subprocess.run([nft, "list", "tables"], capture_output=True, text=True, check=False)
    return frozenset(taps | set(said.stdout.splitlines()))


def main() -> None:
    """Run, print what came of it as JSON, and leave with 1 if anything was wrong or left."""
    arguments = argparse.ArgumentParser(prog="./dev bench chaos", description=__doc__)
    arguments.add_argument("--count", type=int, default=200, help="sessions (200)")
    arguments.add_argument("--at-once", type=int, default=3, help="at a time (3)")
    arguments.add_argument("--provider", default="sandbox")
    arguments.add_argument("--data", type=Path, help="a directory with an image, for qemu")
    arguments.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    given = arguments.parse_args()
    describe_host(bench="chaos", count=given.count, provider=given.provider, seed=given.seed)
    before, began = host_network(), time.monotonic()
    settings = {"provider": given.provider, "max_sessions_per_principal": 4 * given.at_once}
    server = RunningServer(settings, data=given.data)
    with server:
        run = Run(server, _plan(random.Random(given.seed), given.count), _signed_in(server))
        with ThreadPoolExecutor(given.at_once) as pool:
            for failed in filter(None, pool.map(_caught(run), range(given.count))):
                run.wrong.append(failed)
        server.stop()
        left = _nothing_left(server.data, before)
    result = {
        "name": "chaos",
        "sessions": given.count,
        "killed": dict(run.kills),
        "at": dict(sorted(run.at.items())),
        "reasons": dict(run.reasons),
        "wrong": run.wrong,
        "left": left,
        "seconds": round(time.monotonic() - began, 1),
    }
    print(json.dumps(result), flush=True)
    if run.wrong or left:
        sys.exit(1)


def _plan(chance: random.Random, count: int) -> list[tuple[str, str]]:
    """Say what is killed of each session, and when: exactly a third of them are hit.

    Every stage comes up as often as any other for what is hit, as far as the numbers allow.
    """
    hit = count // 3
    victims = chance.choices(VICTIMS, WEIGHTS, k=hit)
    victims[: len(VICTIMS)] = VICTIMS[:hit]
    planned = [(victim, STAGES[at % len(STAGES)]) for at, victim in enumerate(sorted(victims))]
    chance.shuffle(planned)
    plan = [("", "ready")] * count
    for at, each in zip(chance.sample(range(count), hit), planned, strict=True):
        plan[at] = each
    return plan


def _caught(run: Run) -> Callable[[int], str]:
    def one(number: int) -> str:
        try:
            run.one(number)
        except (TimeoutError, httpx.HTTPError, KeyError) as error:
            return f"session {number}: {type(error).__name__}: {error}"
        return ""

    return one


def _signed_in(server: RunningServer) -> httpx.Client:
    client = httpx.Client(headers={"origin": server.url}, timeout=30)
    token = server.link.partition("#token=")[2]
    client.post(f"{server.url}/api/signin", json={"token": token}).raise_for_status()
    return client


def _nothing_left(data: Path, devices: frozenset[str]) -> dict[str, object]:
    """Look until nothing is left, or it has had time enough to go."""
    deadline = time.monotonic() + LEFT_S
    while (left := left_of(data, devices)) and time.monotonic() < deadline:
        time.sleep(0.5)
    return left
