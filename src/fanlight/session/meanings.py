"""What the codes mean that are no exception's: why sessions and logins end, and what is noticed.

One place for all: the page shows title and hint next to what happened, docs/reference/problems.md
is made from it. What happened itself, a sentence, comes with the event.
"""

from __future__ import annotations

from dataclasses import dataclass

AGAIN = "Start a new session whenever you like."
RETRY = "Start a new session. If it happens again, run `fanlight doctor`."
SIGN_IN_AGAIN = "Start a new session and sign in again."


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code means: a title without a full stop, when it is given, and what to do next."""

    title: str
    text: str
    hint: str = RETRY


ENDS: dict[str, Meaning] = {
    "ended-by-owner": Meaning("You ended the session", "The owner ended it.", AGAIN),
    "idle": Meaning(
        "Nobody was there",
        "There was no viewer for as long as the session is kept (keepS, else idle_timeout_s).",
        AGAIN,
    ),
    "session-timed-out": Meaning(
        "The session's time is over",
        "It lasted as long as session_timeout_s allows, and longer when it was extended.",
        AGAIN,
    ),
    "shutdown": Meaning(
        "Fanlight was stopped",
        "The server was stopped on its host, with every session.",
        "Start a new session when it runs again.",
    ),
    "controller-restarted": Meaning(
        "Fanlight was restarted", "The machine was gone when the server came back."
    ),
    "machine-out-of-memory": Meaning(
        "The machine ran out of memory",
        "What runs in it wanted more than machine_memory_mib; no other machine is touched.",
        "Start a new session with fewer pages or programs open, or raise machine_memory_mib.",
    ),
    "resume-failed": Meaning(
        "The desktop could not be woken",
        "Nobody had looked at it, so its machine rested on disk, and it did not go on from there.",
        "Start a new session. What was only in the old one's memory is lost.",
    ),
    "guest-lost": Meaning(
        "The machine stopped answering", "Its link broke and did not come back in time."
    ),
    "guest-failed": Meaning("The machine failed", "Its agent could not go on."),
    "guest-broke-protocol": Meaning(
        "The machine is not what it should be", "Its agent said what no agent says."
    ),
    "desktop-failed": Meaning(
        "The machine's desktop failed",
        "A part of it died too often or never came up; the code names it, as in `browser-failed`.",
    ),
    "identity-failed": Meaning(
        "The machine failed", "It could not be told who it is; its desktop does not work."
    ),
}
"""Why a session ends, whatever it is for."""

LOGIN_ENDS: dict[str, Meaning] = {
    "login-delivered": Meaning(
        "Delivered", "The credential was fetched and acknowledged.", "You can use the tool now."
    ),
    "login-rejected": Meaning(
        "You rejected the account", "The owner did not want the account that was shown.", AGAIN
    ),
    "login-timed-out": Meaning(
        "The login took too long",
        "Signing in and confirming lasted longer than login_timeout_s allows.",
        SIGN_IN_AGAIN,
    ),
    "delivery-expired": Meaning(
        "The credential is gone",
        "Nobody fetched and acknowledged it within delivery_s.",
        SIGN_IN_AGAIN,
    ),
    "login-denied": Meaning(
        "The sign-in was declined",
        "The provider's page said no, or somebody cancelled there.",
        "Start a new session, and accept what the provider's page asks.",
    ),
    "login-cli-failed": Meaning(
        "The tool failed",
        "The tool's sign-in command ended with an error.",
        "Read its last words, then start a new session.",
    ),
    "login-page-not-opened": Meaning(
        "No sign-in page came",
        "The tool opened no page within a minute and a half.",
        "Read its last words; the machine may not reach the tool's provider (egress_mode).",
    ),
    "login-browser-failed": Meaning(
        "The machine's browser failed", "It did not take the page that the tool opened."
    ),
    "login-not-signed-in": Meaning(
        "The tool is not signed in",
        "It ended well, but its own status command says that it is not signed in.",
        SIGN_IN_AGAIN,
    ),
    "login-account-unknown": Meaning(
        "The account has no name",
        "The tool is signed in but does not say as whom, so nobody could confirm it.",
        "Tell whoever looks after this server: the tool may speak differently now.",
    ),
    "login-account-changed": Meaning(
        "The account changed",
        "After the owner confirmed one account, the tool named another.",
        "Nothing was released. Start a new session, and sign in once.",
    ),
    "login-state-mismatch": Meaning(
        "The sign-in was disturbed",
        "Something other than the sign-in page answered the tool (wrong `state`).",
        "Start a new session, and open no other page there while you sign in.",
    ),
    "login-tool-missing": Meaning(
        "The tool is not in the machine",
        "The machine does not have the program that signs in.",
        "Run `fanlight tools check` on the host, then start a new session.",
    ),
    "login-not-verified": Meaning(
        "There was nothing to release", "A release was asked for before an account was verified."
    ),
    "login-not-sealed": Meaning(
        "The credential was not sealed", "Encrypting it to the requester's key failed."
    ),
    "login-credential-refused": Meaning(
        "The credential cannot be taken",
        "A file that the tool should have written is missing, a link, or too large.",
        "Nothing was released. Tell whoever looks after this server.",
    ),
    "login-unconfirmed-release": Meaning(
        "The machine broke the rules",
        "It released a credential that nobody confirmed; it was thrown away.",
        "Sign that account out at its provider, and tell whoever looks after this server.",
    ),
}
"""Why a login ends, and with it its session."""

NOTICES: dict[str, Meaning] = {
    "network-blocked": Meaning(
        "No way to the picture",
        "ICE found no way between browser and gateway: UDP may be blocked.",
        "Have a TURN server set up (turn_urls), or use the page's slower picture (VNC).",
    ),
    "connection-lost": Meaning(
        "The connection broke",
        "The way between browser and gateway broke and was not found again.",
        "The page connects again by itself.",
    ),
    "no-picture": Meaning(
        "No picture comes", "The viewer is connected, but the machine sends no picture."
    ),
    "gateway-restarted": Meaning(
        "The media gateway was restarted",
        "Every connection to it ended.",
        "The page connects again by itself.",
    ),
    "machine-did-not-answer": Meaning(
        "The machine did not answer", "A machine that answers viewers itself did not, in time."
    ),
    "egress-refused": Meaning(
        "The machine was held back",
        "It wanted to reach an address that it may not.",
        "Allow it by egress_domains or egress_mode if it is needed.",
    ),
    "ending-soon": Meaning(
        "The session ends soon",
        "Nobody looks at it, or its time is over; it says when it ends.",
        "Extend it, or open its page: whoever looks keeps it.",
    ),
    "process-restarted": Meaning(
        "A program was restarted",
        "A program of the desktop died and was started again.",
        "Nothing is to be done.",
    ),
}
"""What is told of a viewer's connection or a machine while the session goes on."""

MEANINGS = ENDS | LOGIN_ENDS | NOTICES
