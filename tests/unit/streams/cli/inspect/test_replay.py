"""`etalage replay` and `etalage layout`: readable by people, and by machines."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from models.policy.fallback import static_layout
from schemas.codec import encode
from schemas.ids import VisitorId
from schemas.layouts import Layout
from streams.cli import main as cli
from streams.cli.inspect.layout import format_layout

GOLDEN = Path(__file__).parents[4] / "golden"
CATALOGUE = str(GOLDEN / "catalogue.json")


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main(words)
    assert isinstance(left.value.code, int)
    return left.value.code


def test_a_session_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("replay", str(GOLDEN / "cart.jsonl"), "--catalog", CATALOGUE, "--ranker", "none") == 0
    said = capsys.readouterr().out
    assert "a:carla  add_to_cart jackets-0001 Knoll Down Parka" in said
    assert "cart jackets-0001" in said
    assert "home.row-1  Because you viewed Knoll Down Parka" in said
    assert "as before" in said


def test_for_machines_each_line_is_a_step(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("replay", str(GOLDEN / "browsing.jsonl"), "--catalog", CATALOGUE, "--ranker", "none", "--json")
    assert run(*words, "--top", "2") == 0
    steps = [msgspec.json.decode(line) for line in capsys.readouterr().out.splitlines()]
    assert [step["offset"] for step in steps] == list(range(10))
    assert {len(step["top"]) for step in steps} == {2}
    layout = msgspec.convert(steps[1]["layout"], Layout)
    assert layout.reason == "model_missing"
    assert steps[1]["state"]["events"] == 2
    assert steps[1]["top"][0]["why"]["features"]["anchor_same_category"] == 1.0


def test_a_line_that_is_no_event_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    session = tmp_path / "session.jsonl"
    session.write_bytes((GOLDEN / "cart.jsonl").read_bytes() + b'{"event":"view_item"}\n')
    assert run("replay", str(session), "--catalog", CATALOGUE, "--ranker", "none") == cli.REFUSED
    said = capsys.readouterr()
    assert "a:carla  add_to_cart" in said.out
    first, last = said.err.splitlines()
    assert first.startswith("session.jsonl line 8 would be a dead letter: ")
    assert last == "etalage: 1 of 8 lines of session.jsonl are no events"


@pytest.mark.parametrize("content", ["", "not json\n"])
def test_a_file_without_events_is_refused(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session = tmp_path / "session.jsonl"
    session.write_text(content)
    assert run("replay", str(session)) == cli.REFUSED
    said = capsys.readouterr().err
    assert "no event in it" in said
    assert ("(line 1: " in said) is bool(content)


class Gateway(BaseHTTPRequestHandler):
    """Answers `home` with the packaged layout, anything else with a problem."""

    def do_GET(self) -> None:
        good = self.path.startswith("/v1/layouts/home?visitor=a%3Ax")
        body = encode(static_layout("home", VisitorId("a:x"), "redis_down"))
        self.send_response(200 if good else 404)
        self.end_headers()
        self.wfile.write(body if good else b'{"title":"Not Found","detail":"no page \'attic\'"}')

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def gateway() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Gateway)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_layout_is_printed(gateway: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("layout", "home", "--visitor", "a:x", "--url", gateway) == 0
    said = capsys.readouterr().out
    assert said.startswith("home for a:x: static, redis_down\n")
    assert "home.hero: Popular right now  [hero]" in said
    assert run("layout", "home", "--visitor", "a:x", "--url", gateway, "--json") == 0
    assert msgspec.json.decode(capsys.readouterr().out, type=Layout).reason == "redis_down"


def test_what_the_shop_does_not_know_is_printed() -> None:
    layout = static_layout("search", VisitorId("a:x"), "ok")
    assert "unknown" not in "".join(format_layout(layout))
    assert "unknown to this shop: words" in list(format_layout(replace(layout, unknown=["q"])))


def test_what_the_gateway_refuses_is_said(gateway: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("layout", "attic", "--visitor", "a:x", "--url", gateway) == cli.REFUSED
    assert "the gateway refused: no page 'attic'" in capsys.readouterr().err
    assert run("layout", "attic", "old", "--visitor", "a:x", "--url", gateway) == cli.REFUSED
    assert "the gateway refused: no page 'attic'" in capsys.readouterr().err


def test_no_gateway_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("layout", "home", "--visitor", "a:x", "--url", "http://127.0.0.1:9") == cli.REFUSED
    said = capsys.readouterr().err
    assert said == "etalage: no gateway at http://127.0.0.1:9 (Connection refused); `etalage up` starts one\n"
