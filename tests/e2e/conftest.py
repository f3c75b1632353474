"""A whole shop started by `etalage up`, and a real browser."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, async_playwright

from tests.e2e.shop_page import ShopPage
from tests.stack import poll_until

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
"""As root and without any network but this machine."""

READY_WITHIN_S = 150
GONE_WITHIN_S = 40


@pytest.fixture(scope="session")
def shop_url(kafka: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running shop without simulated shoppers; everything of it ends with the tests."""
    folder = tmp_path_factory.mktemp("up")
    given = {"ETALAGE_KAFKA": kafka, "ETALAGE_REDIS": redis_url}
    env = {name: value for name, value in os.environ.items() if not name.startswith("ETALAGE_")} | given
    words = ["up", "--no-shoppers", "--port", "0", "--namespace", f"e-{uuid.uuid4().hex[:10]}"]
    log = folder / "up.log"
    with log.open("wb") as out:
        up = subprocess.Popen(
            [sys.executable, "-m", "streams.cli.main", *words, "--data", str(folder)],
            env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
    try:
        yield poll_until(
            lambda: _url(up, folder, log),
            within_s=READY_WITHIN_S,
            what=f"the shop is open: see {log}",
            every_s=0.2,
        )
    finally:
        up.send_signal(signal.SIGTERM)
        up.wait(GONE_WITHIN_S)


def _url(up: subprocess.Popen[bytes], folder: Path, log: Path) -> str | None:
    assert up.poll() is None, f"etalage up ended with {up.returncode}:\n{log.read_text()[-3000:]}"
    status = folder / "status.json"
    if not status.exists():
        return None
    up_status: dict[str, Any] = json.loads(status.read_text())
    return str(up_status["url"]) if up_status["ready"] and up_status["url"] else None


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    assert found, "no chromium on the PATH: apt-get install chromium"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        yield browser
        await browser.close()


@pytest.fixture
async def shop(browser: Browser, shop_url: str) -> AsyncIterator[ShopPage]:
    """The home page of a new visitor on a wide screen; no error may occur."""
    async with ShopPage.open(browser, shop_url, width=1440, height=900) as page:
        yield page


@pytest.fixture
async def phone(browser: Browser, shop_url: str) -> AsyncIterator[ShopPage]:
    """The same on a small phone."""
    async with ShopPage.open(browser, shop_url, width=360, height=740, touch=True) as page:
        yield page
