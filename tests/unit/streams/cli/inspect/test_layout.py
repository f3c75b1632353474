"""`etalage layout`: readable by people, and by machines."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import msgspec
import pytest
from msgspec.structs import replace

from models.policy.fallback import static_layout
from schemas.codec import encode
from schemas.ids import VisitorId
from schemas.layouts import Layout
from streams.cli import main as cli
from streams.cli.inspect.layout import format_layout
from tests.unit.streams.cli.command import run_command


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
    assert run_command("layout", "home", "--visitor", "a:x", "--url", gateway) == 0
    said = capsys.readouterr().out
    assert said.startswith("home for a:x: static, redis_down\n")
    assert "home.hero: Popular right now  [hero]" in said
    assert run_command("layout", "home", "--visitor", "a:x", "--url", gateway, "--json") == 0
    assert msgspec.json.decode(capsys.readouterr().out, type=Layout).reason == "redis_down"


def test_what_the_shop_does_not_know_is_printed() -> None:
    layout = static_layout("search", VisitorId("a:x"), "ok")
    assert "unknown" not in "".join(format_layout(layout))
    assert "unknown to this shop: words" in list(format_layout(replace(layout, unknown=["q"])))


def test_what_the_gateway_refuses_is_said(gateway: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("layout", "attic", "--visitor", "a:x", "--url", gateway) == cli.REFUSED
    assert "the gateway refused: no page 'attic'" in capsys.readouterr().err
    assert run_command("layout", "attic", "old", "--visitor", "a:x", "--url", gateway) == cli.REFUSED
    assert "the gateway refused: no page 'attic'" in capsys.readouterr().err


def test_no_gateway_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("layout", "home", "--visitor", "a:x", "--url", "http://127.0.0.1:9") == cli.REFUSED
    said = capsys.readouterr().err
    assert said == "etalage: no gateway at http://127.0.0.1:9 (Connection refused); `etalage up` starts one\n"
