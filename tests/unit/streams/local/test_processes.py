"""What a log tells a person who asks why its process ended."""

from __future__ import annotations

from pathlib import Path

from streams.local.processes import last_log_message


def test_the_last_message_of_a_json_log_is_for_people(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_text('{"level":"info","message":"x"}\n{"message":"halted","error":"no Redis"}\n')
    assert last_log_message(log) == "halted: no Redis"
    log.write_text("[1]\n" + "y" * 999 + "\n")
    assert last_log_message(log) == "y" * 300
