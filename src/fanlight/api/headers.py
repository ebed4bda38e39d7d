"""Headers that keep a browser from doing what nobody asked it to do."""

from __future__ import annotations

from collections.abc import Iterable

NOTHING = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

EVERY_ANSWER = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), usb=(), serial=(), "
    "display-capture=(), payment=()",
    "content-security-policy": NOTHING,
}


def page_policy(host: str, frame_ancestors: Iterable[str]) -> str:
    """Give the Content-Security-Policy of our page as served under `host` (already checked).

    The WebSocket origins are named because not every browser lets `'self'` cover them.
    """
    ancestors = " ".join(frame_ancestors) or "'none'"
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "media-src 'self' blob:",
            "font-src 'self'",
            f"connect-src 'self' ws://{host} wss://{host}",
            f"frame-ancestors {ancestors}",
            "base-uri 'none'",
            "form-action 'self'",
            "require-trusted-types-for 'script'",
            "trusted-types fanlight",
        )
    )
