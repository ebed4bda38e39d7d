"""The argument lists of the desktop's programs. Pure: values in, words out."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fanlight.wire.places import PLACES

DISPLAY = ":1"
CHROMIUM = "/usr/lib/chromium/chromium"
"""The program itself: Debian's wrapper adds keys and flags of its own, and takes time."""
DIST_PACKAGES = "/usr/lib/python3/dist-packages"

OPENBOX_CONFIG = """<?xml version="1.0" encoding="UTF-8"?>
<openbox_config xmlns="http://openbox.org/3.4/rc">
  <focus><focusNew>yes</focusNew></focus>
  <desktops><number>1</number><popupTime>0</popupTime></desktops>
  <keyboard/>
  <mouse>
    <context name="Client">
      <mousebind button="Left" action="Press">
        <action name="Focus"/><action name="Raise"/>
      </mousebind>
    </context>
    <context name="Titlebar">
      <mousebind button="Left" action="Drag"><action name="Move"/></mousebind>
    </context>
    <context name="Close">
      <mousebind button="Left" action="Click"><action name="Close"/></mousebind>
    </context>
  </mouse>
  <menu/>
  <applications>
    <application type="normal"><decor>no</decor><maximized>yes</maximized></application>
  </applications>
</openbox_config>
"""
"""One desktop, no menus, no key that starts anything; ordinary windows fill the display."""


def xvnc(width_px: int, height_px: int, rfb_path: Path, ready_fd: int) -> list[str]:
    """The X server, which serves VNC as well, as the last rung. No clipboard comes out of it."""
    return [
        "/usr/bin/Xvnc", DISPLAY,
        "-geometry", f"{width_px}x{height_px}",
        "-depth", "24",
        "-displayfd", str(ready_fd),
        "-rfbunixpath", str(rfb_path),
        "-rfbunixmode", "0600",
        "-rfbport", "-1",
        "-SecurityTypes", "None",
        "-nolisten", "tcp",
        "-FrameRate", "60",
        "-AlwaysShared",
        "-SendCutText=0",
        "-SendPrimary=0",
        "-SetPrimary=0",
        "-s", "0",
        "-dpms",
        "-noreset",
        "-ac",
        "-br",
    ]  # fmt: skip


def openbox(config: Path) -> list[str]:
    """The window manager, with a configuration of ours."""
    return ["/usr/bin/openbox", "--config-file", str(config), "--sm-disable"]


@dataclass(frozen=True, slots=True)
class Picture:
    """How the picture is made and sent."""

    codec: str = "vp8"
    bitrate_kbps: int = 4000
    frames_per_s: int = 60
    capture: str = "damage"
    place: str = "sandbox"


def media(picture: Picture) -> list[str]:
    """The process that sends the picture: another room's, so it is met only here."""
    return [
        *_python("fanlight.media.sender", "main(sys.argv[1:])"),
        "--display", DISPLAY,
        "--codec", picture.codec,
        "--bitrate-kbps", str(picture.bitrate_kbps),
        "--frames-per-s", str(picture.frames_per_s),
        "--capture", picture.capture,
        "--place", picture.place,
    ]  # fmt: skip


def input_role(control_fd: int) -> list[str]:
    """The process that turns messages on the control socket into X events."""
    return [
        *_python("fanlight.guest.agent", "main(sys.argv[1:])"),
        "--role", "input",
        "--display", DISPLAY,
        "--control-fd", str(control_fd),
    ]  # fmt: skip


def _python(module: str, call: str) -> list[str]:
    code = (
        f"import sys; sys.path.insert(0, {_source()!r}); sys.path.append({DIST_PACKAGES!r});"
        f" from {module} import main; sys.exit({call})"
    )
    return ["/usr/bin/python3", "-I", "-S", "-c", code]


def _source() -> str:
    """Where this package was imported from: guest.pyz, or a directory."""
    loaded = Path(sys.modules[__name__.partition(".")[0]].__file__ or "")
    return str(loaded.parent.parent)


NICE = "5"
CHROMIUM_FLAGS = (
    # Loopback goes direct by itself, so that a tool's own callback is reached; nothing else does.
    "--proxy-bypass-list=",
    "--disable-quic",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-domain-reliability",
    "--disable-breakpad",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--disable-features=Translate,MediaRouter,OptimizationHints,DialMediaRouteProvider,"
    "AutofillServerCommunication,GlobalMediaControls",
    "--disable-search-engine-choice-screen",
    "--force-webrtc-ip-handling-policy=disable_non_proxied_udp",
    "--hide-crash-restore-bubble",
    "--metrics-recording-only",
    "--no-default-browser-check",
    "--no-first-run",
    "--no-pings",
    "--password-store=basic",
    "--start-maximized",
)


def proxy(place: str) -> str:
    """The one way out: the egress proxy's URL."""
    return "http://{}:{}".format(*PLACES[place].egress)


def chromium(profile: Path, size: tuple[int, int], url: str, place: str) -> list[str]:
    """The browser, its own sandbox on, with one page.

    In a virtual machine it starts while somebody already watches, and lets the picture go first.
    """
    first = ["/usr/bin/nice", "-n", NICE] if place == "vm" else []
    return [
        *first,
        CHROMIUM,
        f"--proxy-server={proxy(place)}",
        *CHROMIUM_FLAGS,
        f"--user-data-dir={profile}",
        "--window-position=0,0",
        f"--window-size={size[0]},{size[1]}",
        "--",
        url,
    ]


def chromium_hand_over(profile: Path, url: str) -> list[str]:
    """Have the browser that runs show one more page."""
    return [CHROMIUM, f"--user-data-dir={profile}", "--", url]


POLICY: dict[str, object] = {
    "BackgroundModeEnabled": False,
    "BrowserSignin": 0,
    "ComponentUpdatesEnabled": False,
    "DefaultBrowserSettingEnabled": False,
    "ExtensionInstallBlocklist": ["*"],
    "MetricsReportingEnabled": False,
    "PasswordManagerEnabled": False,
    "PromotionsEnabled": False,
    "QuicAllowed": False,
    "SyncDisabled": True,
    "TranslateEnabled": False,
}
"""What holds on every desktop."""

LOGIN_POLICY: dict[str, object] = POLICY | {
    "AllowFileSelectionDialogs": False,
    "AutofillAddressEnabled": False,
    "AutofillCreditCardEnabled": False,
    "BrowserAddPersonEnabled": False,
    "BrowserGuestModeEnabled": False,
    "DeveloperToolsAvailability": 2,
    "DownloadRestrictions": 3,
    "IncognitoModeAvailability": 1,
    "PrintingEnabled": False,
    "RemoteDebuggingAllowed": False,
    "ScreenCaptureAllowed": False,
    "URLBlocklist": ["file://*", "view-source:*", "devtools://*", "chrome://inspect"],
}
"""What holds while somebody signs in."""


def environment(base: Mapping[str, str], ca_bundle: str, place: str) -> dict[str, str]:
    """What the desktop's programs, and tools that sign in, are given."""
    kept = {name: base[name] for name in ("HOME", "USER", "LOGNAME", "PATH") if name in base}
    env = {
        **kept,
        "DISPLAY": DISPLAY,
        "LANG": "C.UTF-8",
        "TMPDIR": "/tmp",  # noqa: S108 - the machine's own
        "XDG_RUNTIME_DIR": base.get("XDG_RUNTIME_DIR", "/tmp/runtime"),  # noqa: S108
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        # There is no session bus; without this, programs try to start one.
        "DBUS_SESSION_BUS_ADDRESS": "disabled:",
        "DBUS_SYSTEM_BUS_ADDRESS": "disabled:",
        "NO_AT_BRIDGE": "1",
    }
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        env[name] = proxy(place)
    if ca_bundle:
        for name in ("NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
            env[name] = ca_bundle
    return env
