"""Answering what a tool asks on its terminal, by its list of answers."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass

from .terminal import Terminal

SETTLE_S = 0.2
"""A prompt is answered once the terminal was quiet for so long: a tool that just switches its
terminal to raw mode throws away what was typed before."""
AGAIN_AFTER = 10
"""After so many quiet spells without an effect, the answer is typed again."""
MAX_TRIES = 4
ECHO_CHARACTERS = 8
"""What may appear by itself after typing: the echo of the keys."""


@dataclass(slots=True)
class _Prompt:
    shows: re.Pattern[str]
    keys: str
    tries: int = 0
    quiet_spells: int = 0
    length_then: int = 0

    def answer(self, terminal: Terminal) -> None:
        self.tries += 1
        self.quiet_spells = 0
        self.length_then = len(terminal.text)
        terminal.type(self.keys)

    def had_effect(self, terminal: Terminal) -> bool:
        return len(terminal.text) - self.length_then > ECHO_CHARACTERS


class Prompts:
    """The prompts of one run of a tool; each is answered until that has an effect."""

    def __init__(
        self, answers: tuple[tuple[str, str], ...], *, again_after: int = AGAIN_AFTER
    ) -> None:
        self._again_after = again_after
        self._open = [_Prompt(re.compile(shows), keys) for shows, keys in answers]

    async def news(self, terminal: Terminal) -> bool:
        """Wait for something new on the terminal, answering meanwhile; False at its end."""
        while any(p.tries or p.shows.search(terminal.text) for p in self._open):
            try:
                async with asyncio.timeout(SETTLE_S):
                    return await terminal.shows()
            except TimeoutError:
                self._answer(terminal)
        return await terminal.shows()

    def _answer(self, terminal: Terminal) -> None:
        text = terminal.text
        for prompt in self._open:
            if not prompt.tries and prompt.shows.search(text):
                # A new prompt: what was answered before it had its effect.
                self._open = [other for other in self._open if not other.tries]
                prompt.answer(terminal)
                return
        self._open = [prompt for prompt in self._open if not self._is_done(prompt, terminal)]
        for prompt in self._open:
            prompt.quiet_spells += bool(prompt.tries)
            if prompt.quiet_spells >= self._again_after:
                prompt.answer(terminal)

    def _is_done(self, prompt: _Prompt, terminal: Terminal) -> bool:
        return prompt.tries > 0 and (prompt.had_effect(terminal) or prompt.tries >= MAX_TRIES)
