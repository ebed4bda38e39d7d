"""The terminal a tool runs on."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from fanlight.guest.prompts import Prompts
from fanlight.guest.terminal import COLUMNS, Terminal, plain


async def shown_by(command: list[str], cwd: Path) -> tuple[int, str]:
    async with Terminal(command, env={"PATH": "/usr/bin:/bin"}, cwd=str(cwd)) as terminal:
        status = await terminal.wait()
        return status, terminal.text


async def test_the_program_is_in_the_terminals_foreground_group(tmp_path: Path) -> None:
    code = "import os; print(os.tcgetpgrp(0) == os.getpgrp() == os.getsid(0), os.isatty(1))"

    assert await shown_by([sys.executable, "-c", code], tmp_path) == (0, "True True\n")


async def test_the_window_is_so_wide_that_no_address_wraps(tmp_path: Path) -> None:
    assert await shown_by(["stty", "size"], tmp_path) == (0, f"50 {COLUMNS}\n")


async def test_a_question_for_the_cursor_is_answered(tmp_path: Path) -> None:
    script = r"stty -icanon -echo; printf '\033[6n'; dd bs=1 count=6 2>/dev/null | od -An -c"

    status, text = await shown_by(["/bin/sh", "-c", script], tmp_path)

    assert (status, text.split()) == (0, ["033", "[", "1", ";", "1", "R"])


async def test_leaving_kills_what_still_runs(tmp_path: Path) -> None:
    terminal = Terminal(
        ["/bin/sh", "-c", "trap '' HUP; echo up; sleep 60"], env={}, cwd=str(tmp_path)
    )
    async with terminal:
        assert await terminal.shows()

    assert terminal.status == -9


def test_escape_sequences_and_controls_do_not_reach_the_text() -> None:
    shown = (
        "\x1b[1;31mred\x1b[0m \x1b]8;;https://x\x07link\x1b]8;;\x07\x1b[3Cgap\x1b[6n\x08\r\nend"
    )

    assert plain(shown) == "red link gap\nend"


async def test_an_answer_that_was_thrown_away_is_typed_again(tmp_path: Path) -> None:
    # What is typed before a program has its terminal in raw mode is flushed when it does so.
    code = (
        "import termios, tty, time, sys; print('Go on?', flush=True); time.sleep(0.5); "
        "tty.setraw(0, termios.TCSAFLUSH); print('got', sys.stdin.buffer.raw.read(1))"
    )
    prompts = Prompts(((r"Go on\?", "\r"),), again_after=2)
    env = {"PATH": "/usr/bin:/bin"}
    async with Terminal(["/usr/bin/python3", "-c", code], env=env, cwd=str(tmp_path)) as terminal:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(answering(prompts, terminal))
            assert await terminal.wait() == 0
        assert "got b'\\r'" in terminal.text


async def answering(prompts: Prompts, terminal: Terminal) -> None:
    while await prompts.news(terminal):
        pass
