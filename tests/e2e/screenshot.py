"""The README's picture: `python -m tests.e2e.screenshot URL OUT.png` against a running shop (`make demo`)."""

from __future__ import annotations

import asyncio
import shutil
import sys
from pathlib import Path

from playwright.async_api import async_playwright, expect

from tests.e2e.conftest import BROWSERS, FLAGS
from tests.e2e.shop_page import ShopPage

LOOKS = 4


async def take(url: str, out: Path) -> None:
    """Look at some sneakers, return to the window, point at a reason, and take the picture."""
    found = next(path for name in BROWSERS if (path := shutil.which(name)))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        async with ShopPage.open(browser, url, width=1440, height=900) as shop:
            await shop.open_category("sneakers")
            for number in range(LOOKS):
                await shop.look_at(2 * number)
                await expect(shop.page.locator("#journey .total")).to_contain_text(" ms")
                await shop.back()
            await shop.to_window()
            await shop.wait_for_category("sneakers", 0.8)
            await shop.page.locator(".window .why:visible").nth(1).hover()
            await expect(shop.page.locator("#why .on")).to_be_visible()
            await shop.until("() => document.getAnimations().every((one) => one.playState === 'finished')")
            await shop.page.screenshot(path=out)
        await browser.close()


if __name__ == "__main__":
    asyncio.run(take(sys.argv[1], Path(sys.argv[2])))
