"""`fanlight serve`: the composition root. Its options are the fields of `ServeSettings`."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import inspect
import os
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fanlight import config, log
from fanlight.errors import PortInUse, SettingRejected

from .console import say, warn

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

    from fanlight.controller import Controller
    from fanlight.host import Layout
    from fanlight.store import Store

ADDRESS_FILE = Path("run") / "address"
LOCK = "serve.lock"
UNSENT_BYTES = 32_768
"""The kernel takes no more than this over what is underway: a picture that waits can be left out,
one that was handed to TCP is seen late."""
SILENT_MS = 30_000
"""A browser that has confirmed nothing for so long, of what it was sent, is gone."""
MESSAGE_BYTES = 1 << 20
"""The longest WebSocket message that is taken, in bytes."""
DRAIN_S = 3
"""How long open requests may go on after Ctrl-C, in seconds."""
PING_S = 10
"""How often a WebSocket's viewer is asked for a sign of life, and how long it may take."""


def serve(**given: Any) -> None:
    """Serve the page, the API and the sessions of this host, until Ctrl-C.

    Prints a sign-in link on a line of its own: open it, and you are in. Every option can also be
    set by a variable (FANLIGHT_SERVE_PORT) or in a TOML file: see docs/reference/settings.md.

    Examples: `fanlight serve`, `fanlight serve --port 0 --no-browser`,
    `fanlight serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem`
    """
    file = given.pop("config")
    settings = config.load(given, environ=os.environ, file=file)
    config.check(settings)
    log.configure(level=settings.log_level, style=settings.log_format)
    with listening(settings.host, settings.port) as listener:
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(settings, listener))


def _signature() -> inspect.Signature:
    """Make the options out of the settings: one place declares them."""
    options = [_option("config", Path, "TOML file with settings.", "--config")]
    for setting in config.settings():
        name = setting.flag
        if setting.kind is bool:
            options.append(_option(setting.name, bool, setting.text, f"{name}/--no-{name[2:]}"))
        else:
            options.append(_option(setting.name, str, setting.text, name))
    return inspect.Signature(options)


def _option(name: str, kind: type, text: str, flag: str) -> inspect.Parameter:
    declared = Annotated[kind | None, typer.Option(flag, help=text, show_default=False)]  # type: ignore[valid-type]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=declared
    )


serve.__signature__ = _signature()  # type: ignore[attr-defined]
serve.__annotations__ = {
    each.name: each.annotation
    for each in serve.__signature__.parameters.values()  # type: ignore[attr-defined]
}


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Give a socket that listens, before anything else is started.

    Raises:
        PortInUse: somebody listens there.
        SettingRejected: there is no such address here, or we may not listen there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # On Linux, connections have what their listener has.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENT_MS)
        try:
            listener.bind((host.strip("[]"), port))
            listener.listen(1024)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise PortInUse(f"another program listens on {host} port {port}.") from None
            raise SettingRejected(
                f"cannot listen on {host} port {port}: {error.strerror or error}.",
                hint="Give an address of this computer with --host and a port from 1024 up.",
            ) from None
        yield listener


def address_of(settings: config.ServeSettings) -> str:
    """Give the address at which browsers reach the server of a data directory."""
    if settings.public_url:
        return settings.public_url
    with contextlib.suppress(OSError):
        return (settings.data / ADDRESS_FILE).read_text().strip()
    return f"{settings.scheme}://localhost:{settings.port}"


async def _serve(settings: config.ServeSettings, listener: socket.socket) -> None:
    from fanlight.host import Layout
    from fanlight.store import Store

    layout = Layout(settings.data.absolute())
    await asyncio.to_thread(layout.prepare)
    with _alone(layout):
        async with await Store.open(settings.data / "store", now=time.time()) as store:
            await _serve_sessions(settings, listener, store)


@contextlib.contextmanager
def _alone(layout: Layout) -> Iterator[None]:
    """Hold the data directory's lock: two servers would take each other's sessions for lost.

    Raises:
        SettingRejected: another `fanlight serve` has it.
    """
    with (layout.run / LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingRejected(
                f"another `fanlight serve` uses the data directory {layout.data}.",
                hint="End that one, or give another directory with --data.",
            ) from None
        yield


async def _serve_sessions(
    settings: config.ServeSettings, listener: socket.socket, store: Store
) -> None:
    from fanlight.controller import open_controller
    from fanlight.tools import Catalogue

    catalogue = Catalogue(settings.data, may_install=settings.install_tools)
    async with open_controller(settings, store, catalogue) as controller:
        port = listener.getsockname()[1]
        # In a thread: it reads the page's files.
        app = await asyncio.to_thread(_app, settings, port, controller, store, catalogue.list)
        server = _server(settings, app)
        with _stopping(server) as asked, _announced(settings, listener):
            link = await _link(settings, store)
            say("", text=link)  # an IPv6 address in brackets is not markup
            warn("Open the link above to sign in; it works once, for ten minutes. Ctrl-C ends it.")
            with _opened(settings, link):
                # Here rather than by uvicorn, which prints a traceback when it is hurried.
                async with app.router.lifespan_context(app), asyncio.TaskGroup() as tasks:
                    serving = tasks.create_task(server.serve(sockets=[listener]))
                    serving.add_done_callback(lambda _: asked.come.set())
                    await asked.come.wait()
                    if asked.signal == signal.SIGINT:
                        # While it still serves: people's pages are told that it is over.
                        await controller.end_everything()
                    server.should_exit = True
        if asked.signal == signal.SIGINT:
            warn("Ended: no machine of yours is left running.")
        else:
            warn(f"Stopped. Sessions wait {settings.keeper_grace_s:g} s for the next `serve`.")


def _app(
    settings: config.ServeSettings, port: int, controller: Controller, store: Store, tools: Any
) -> FastAPI:
    from prometheus_client import REGISTRY

    from fanlight.api import ApiSettings, create_app

    api = ApiSettings.of(settings, port)
    return create_app(controller, store, api, tools=tools, registry=REGISTRY)


def _server(settings: config.ServeSettings, app: FastAPI) -> uvicorn.Server:
    import uvicorn

    class Server(uvicorn.Server):
        """Leaves signals to us: uvicorn would raise them again when it is done."""

        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    return Server(
        uvicorn.Config(
            app,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            ssl_certfile=settings.tls_cert,
            ssl_keyfile=settings.tls_key,
            timeout_graceful_shutdown=DRAIN_S,
            ws_max_size=MESSAGE_BYTES,
            # A viewer whose browser sleeps answers no ping: it must not keep its session.
            ws_ping_interval=PING_S,
            ws_ping_timeout=PING_S,
            # Pictures and RFB's rectangles are compressed already.
            ws_per_message_deflate=False,
        )
    )


@dataclass
class _Asked:
    """What the terminal asked for: which signal came first."""

    come: asyncio.Event = field(default_factory=asyncio.Event)
    signal: int | None = None


@contextlib.contextmanager
def _stopping(server: uvicorn.Server) -> Iterator[_Asked]:
    """Say when Ctrl-C is pressed or we are asked to terminate; a second time hurries."""
    asked = _Asked()

    def stop(number: int) -> None:
        if asked.signal is not None:
            server.should_exit = server.force_exit = True
            return
        if number == signal.SIGINT:
            warn("Ending every session ...")
        asked.signal = number
        asked.come.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop, number)
    try:
        yield asked
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


@contextlib.contextmanager
def _announced(settings: config.ServeSettings, listener: socket.socket) -> Iterator[None]:
    """Leave our address where `fanlight link` finds it, as the port may be any free one."""
    path = settings.data / ADDRESS_FILE
    host = "localhost" if config.is_loopback(settings.host) else settings.host.strip("[]")
    host = f"[{host}]" if ":" in host else host
    path.write_text(f"{settings.scheme}://{host}:{listener.getsockname()[1]}\n")
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


async def _link(settings: config.ServeSettings, store: Store) -> str:
    from fanlight.store import OWNER

    token = await store.new_link(OWNER, time.time())
    return f"{address_of(settings)}/signin#token={token}"


@contextlib.contextmanager
def _opened(settings: config.ServeSettings, link: str) -> Iterator[None]:
    """Open the link in this computer's browser by way of a file: arguments can be seen by all."""
    has_screen = "DISPLAY" in os.environ or "WAYLAND_DISPLAY" in os.environ
    if not (settings.browser and has_screen):
        yield
        return
    import webbrowser

    page = settings.data / "run" / "signin.html"
    descriptor = os.open(page, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(f'<!doctype html><meta http-equiv="refresh" content="0;url={link}">\n')
    webbrowser.open(page.absolute().as_uri())
    try:
        yield
    finally:
        page.unlink(missing_ok=True)
