"""`etalage catalog | storefront | events` as a person types them, against a real Kafka."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from models.catalog.enrichment import enrich_event
from schemas.catalog import Item
from schemas.codec import decode_event, encode
from schemas.topics import EVENTS
from streams.cli.data.event_sender import GatewaySink, RefusedLine, send_events
from streams.kafka.compacted_reader import read_to_end
from streams.kafka.partitioner import partition_of
from streams.shop.document_parsing import parse_event_lines, parse_items
from streams.stores.namespace_meta import Meta
from tests.stack import Stack

PARTITIONS = 4


@pytest.fixture
def stack(
    kafka: str,
    redis_url: str,
    namespace: str,
    tmp_path: Path,
    create_topics: Callable[[str, int], Meta],
) -> Stack:
    create_topics(namespace, PARTITIONS)
    return Stack(tmp_path, namespace, kafka, redis_url)


def run_refused(stack: Stack, *arguments: str) -> str:
    """The one line of a command that ends with code 2; standard output and progress do not count."""
    done = stack.run_unchecked(*arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    return done.stderr


def catalogue(path: Path, count: int) -> Path:
    items = [Item(item_id=f"i{n}", title=f"Item {n}", categories=["x"], price=float(n)) for n in range(count)]
    path.write_bytes(b"\n".join(encode(item) for item in items))
    return path


def event(n: int, visitor: str) -> bytes:
    body = {
        "event": "page_view",
        "message_id": f"m{n}",
        "anonymous_id": visitor,
        "timestamp": "2026-01-01T00:00:00Z",
    }
    return json.dumps(body).encode()


def test_a_catalogue_goes_in_and_out(stack: Stack) -> None:
    file = catalogue(stack.folder / "all.ndjson", 30)
    assert json.loads(stack.run("catalog", "push", str(file), "--json")) == {"pushed": 30, "removed": 0}
    fewer = catalogue(stack.folder / "some.ndjson", 20)
    assert "10 removed" in stack.run("catalog", "push", str(fewer), "--replace")
    said = run_refused(stack, "catalog", "remove", "i3", "nope", "i4", "nope")
    assert said == "etalage: not in the catalogue: 'nope'\n"
    listed = json.loads(stack.run("catalog", "list", "--json"))
    assert [item["item_id"] for item in listed] == sorted(f"i{n}" for n in range(20) if n not in (3, 4))
    assert "18 products, the first 2 shown" in stack.run("catalog", "list", "--limit", "2")


def test_one_wrong_product_stops_the_push(stack: Stack) -> None:
    file = catalogue(stack.folder / "bad.ndjson", 3)
    with file.open("ab") as more:
        more.write(b'\n{"item_id":"x","title":"X","categories":[],"price":1}')
    said = run_refused(stack, "catalog", "push", str(file))
    assert "bad.ndjson line 4: Expected `array` of length >= 1 - at `$.categories`" in said
    assert json.loads(stack.run("catalog", "list", "--json")) == []


def test_a_storefront_is_pushed_shown_and_diffed(stack: Stack) -> None:
    default = stack.run("storefront", "default")
    document = json.loads(default)
    file = stack.folder / "storefront.json"
    file.write_text(default)
    first = json.loads(stack.run("storefront", "push", str(file), "--json"))
    assert len(first["written"]) == len(document["pages"]) + len(document["modules"])
    assert stack.run("storefront", "show") == default
    document["rules"] = [{"section": "rule", "id": "stock", "action": "require_stock"}]
    document["pages"] = document["pages"][1:]
    file.write_text(json.dumps(document))
    second = json.loads(stack.run("storefront", "push", str(file), "--json"))
    assert (second["written"], len(second["removed"])) == (["rule:stock"], 1)
    shown = json.loads(stack.run("storefront", "show"))
    assert {page["page"] for page in shown["pages"]} == {page["page"] for page in document["pages"]}
    assert shown["rules"][0]["id"] == "stock"


def test_a_wrong_storefront_is_refused_by_field(stack: Stack) -> None:
    file = stack.folder / "storefront.json"
    file.write_text('{"rules":[{"section":"rule","id":"p","action":"pin"}]}')
    assert "a pin lists the items it pins - at `$.rules[0].match.items`" in run_refused(
        stack, "storefront", "push", str(file)
    )


def test_a_storefront_is_not_cleared_by_a_slip(stack: Stack) -> None:
    full, file = stack.folder / "full.json", stack.folder / "storefront.json"
    full.write_text(stack.run("storefront", "default"))
    stack.run("storefront", "push", str(full))
    shown = stack.run("storefront", "show")
    file.write_text("{}")
    said = run_refused(stack, "storefront", "push", str(file))
    assert said.startswith("etalage: storefront.json: would remove all that stands (")
    assert said.endswith("; --replace allows it\n")
    file.write_text('{"rules":[{"id":"stock","action":"require_stock"}]}')
    assert (
        "would remove every page that stands (cart, category, home, product, search); --replace"
        in run_refused(stack, "storefront", "push", str(file))
    )
    assert stack.run("storefront", "show") == shown
    assert "+ rule:stock" in stack.run("storefront", "push", str(file), "--replace")
    file.write_text("{}")
    assert "0 written, 1 removed" in stack.run("storefront", "push", str(file), "--replace")
    assert "0 written, 0 removed" in stack.run("storefront", "push", str(file))


async def test_events_reach_kafka_where_the_java_client_would_put_them(stack: Stack) -> None:
    file = stack.folder / "events.ndjson"
    file.write_bytes(b"\n".join(event(n, f"v{n % 7}") for n in range(50)))
    said = await asyncio.to_thread(stack.run, "events", "send", str(file), "--json", "--rate", "200")
    assert json.loads(said) == {
        "sent": 50, "refused": [], "unknown": [],
        "note": "the catalogue is empty: items[] are sent as they stand in the file",
        "ignored": [], "mended": [],
    }  # fmt: skip
    records = await read_to_end(stack.kafka, EVENTS, stack.namespace)
    assert len(records) == 50
    assert all(r.partition == partition_of(r.key or b"", PARTITIONS) for r in records)
    one = [json.loads(r.value or b"")["message_id"] for r in records if r.key == b"a:v3"]
    assert one == [f"m{n}" for n in range(50) if n % 7 == 3]


async def test_a_file_of_another_tool_is_sent_as_ours(stack: Stack) -> None:
    look = {
        "type": "track", "event": "Product Viewed", "messageId": "s-1", "anonymousId": "v",
        "timestamp": "2026-11-24T15:00:00Z", "properties": {"product_id": "mugs-1"},
    }  # fmt: skip
    file = stack.folder / "segment.json"
    file.write_text(json.dumps({"batch": [look, {"type": "group"}]}, indent=1))
    done = await asyncio.to_thread(stack.run_unchecked, "events", "send", str(file), "--format", "segment")
    assert "segment.json line 1: ignored, a group is not a shopper" in done.stderr
    assert done.stdout == "1 event sent\n"
    (record,) = await read_to_end(stack.kafka, EVENTS, stack.namespace)
    assert json.loads(record.value or b"")["event"] == "view_item"
    refused = await asyncio.to_thread(run_refused, stack, "events", "send", str(file), "--format", "omniture")
    assert "one of etalage, segment" in refused


async def test_wrong_lines_are_named_and_the_others_sent(stack: Stack) -> None:
    file = stack.folder / "events.ndjson"
    file.write_bytes(event(1, "v") + b'\n{"event":"page_view"}\n' + event(2, "v"))
    said = await asyncio.to_thread(run_refused, stack, "events", "send", str(file))
    assert "events.ndjson line 2:" in said
    assert "1 of 3 lines of events.ndjson not accepted" in said
    assert len(await read_to_end(stack.kafka, EVENTS, stack.namespace)) == 2


async def test_items_are_completed_as_the_gateway_completes_them(stack: Stack) -> None:
    goods = catalogue(stack.folder / "all.ndjson", 3)
    await asyncio.to_thread(stack.run, "catalog", "push", str(goods))
    file = stack.folder / "events.ndjson"
    look = json.loads(event(1, "v")) | {
        "event": "view_item",
        "properties": {"items": [{"item_id": "i2"}, {"item_id": "gone"}]},
    }
    file.write_text(json.dumps(look))
    said = await asyncio.to_thread(stack.run, "events", "send", str(file))
    assert said == "1 event sent\n"
    (record,) = await read_to_end(stack.kafka, EVENTS, stack.namespace)
    items = {item.item_id: item for item in parse_items(goods.read_bytes(), goods.name)}
    raw = file.read_bytes()
    assert record.value == enrich_event(decode_event(raw), raw, items.get) != raw
    lines = json.loads(record.value)["properties"]["items"]
    assert lines[0]["item_name"] == "Item 2"
    assert lines[0]["item_category"] == "x"
    assert lines[1] == {"item_id": "gone"}


def test_names_that_we_do_not_know_are_told_and_are_code_one(stack: Stack) -> None:
    file = stack.folder / "events.ndjson"
    strange = event(2, "v").replace(b"page_view", b"view_itm")
    file.write_bytes(b"\n".join([event(1, "v"), strange, strange.replace(b"m2", b"m3")]))
    done = stack.run_unchecked("events", "send", str(file))
    assert done.returncode == 1
    assert done.stdout == "3 events sent\n"
    told = "events.ndjson line 2: no event is called 'view_itm', did you mean view_item? (2 events bear it"
    assert told in done.stderr


def test_a_namespace_without_topics_is_said_at_once(stack: Stack) -> None:
    file = catalogue(stack.folder / "all.ndjson", 1)
    events = stack.folder / "events.ndjson"
    events.write_bytes(event(1, "v"))
    stack.namespace += "-no"
    for group, verb, given in (("catalog", "push", file), ("events", "send", events)):
        said = run_refused(stack, group, verb, str(given))
        name = f"{stack.namespace}.{group}.v1"
        assert said == f"etalage: there is no topic {name}: run `etalage topics create`\n"


def test_a_visitor_of_whom_nothing_is_known_is_one_line(stack: Stack) -> None:
    assert run_refused(stack, "visitor", "show", "a:nobody") == "etalage: nothing is known of a:nobody\n"


def test_without_kafka_one_line_says_what_to_set(stack: Stack, free_port: int) -> None:
    file = catalogue(stack.folder / "all.ndjson", 1)
    stack.kafka = f"127.0.0.1:{free_port}"
    said = run_refused(stack, "catalog", "push", str(file))
    assert said == f"etalage: Kafka does not answer at {stack.kafka}\n"
    stack.kafka = ""
    assert "set ETALAGE_KAFKA=host:port" in run_refused(stack, "catalog", "push", str(file))


def test_without_redis_one_line_says_where_it_was_looked_for(stack: Stack, free_port: int) -> None:
    stack.redis = f"127.0.0.1:{free_port}"
    wanted = f"etalage: Redis at {stack.redis} does not answer: Connection refused\n"
    assert run_refused(stack, "visitor", "show", "a:me") == wanted
    assert run_refused(stack, "topics", "create", "--partitions", str(PARTITIONS)) == wanted


@pytest.fixture
def flaky_gateway() -> Iterator[tuple[str, list[str]]]:
    """A server that answers as the gateway does: each event `retry` once, those of v0 never accepted."""
    accepted: list[str] = []
    seen: set[str] = set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            events = json.loads(self.rfile.read(int(self.headers["content-length"])))
            answer = json.dumps({"results": [answer_for(e) for e in events]}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            pass

    def answer_for(given: dict[str, str]) -> dict[str, str]:
        if given["anonymous_id"] == "v0":
            return {"status": "rejected", "reason": "not this visitor"}
        if given["message_id"] not in seen:
            seen.add(given["message_id"])
            return {"status": "retry"}
        accepted.append(given["message_id"])
        return {"status": "accepted", "token": "t"}

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", accepted
    server.shutdown()
    server.server_close()
    thread.join()


async def test_a_gateway_is_asked_again_for_what_it_could_not_write(
    flaky_gateway: tuple[str, list[str]],
) -> None:
    url, accepted = flaky_gateway
    lines = list(parse_event_lines(b"\n".join(event(n, f"v{n % 3}") for n in range(30))))
    sent, not_taken = await send_events(GatewaySink(url), lines, rate=None, progress=lambda n: None)
    assert sent == 20
    assert not_taken == [RefusedLine(n + 1, "not this visitor") for n in range(0, 30, 3)]
    assert accepted == [f"m{n}" for n in range(30) if n % 3]
