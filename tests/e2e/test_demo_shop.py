"""The demo shop in a real browser, on real Kafka and Redis: the window follows, without reloading."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import expect

from tests.e2e.shop_page import ShopPage

pytestmark = pytest.mark.timeout(300)


async def look_at_sneakers(shop: ShopPage, count: int = 3) -> list[str]:
    await shop.open_category("sneakers")
    looked = []
    for number in range(count):
        looked.append(await shop.look_at(number))
        if number < count - 1:
            await shop.back()
    return looked


async def test_the_window_turns_to_sneakers_through_the_stream_without_reloading(shop: ShopPage) -> None:
    await shop.set_mark()
    assert await shop.share_of("sneakers", modules=2) < 0.8
    await look_at_sneakers(shop)
    await shop.to_window()
    await shop.wait_for_category("sneakers", 0.8)
    assert await shop.has_mark()
    home = [url for url in shop.requests if "/v1/layouts/home" in url]
    assert len(home) == 1, home
    assert "/stream?" in home[0]


async def test_the_page_says_that_the_gateway_is_open(shop: ShopPage) -> None:
    await expect(shop.page.locator("#access")).to_contain_text("Open gateway: no API keys")


async def test_saving_a_product_changes_the_window_under_ones_eyes(shop: ShopPage) -> None:
    first = shop.page.locator(".window .row .card").first
    kind = str(await first.get_attribute("data-item")).rpartition("-")[0]
    layout = await shop.page.locator(".window").get_attribute("data-layout-id")
    await first.hover()
    await first.locator(".heart").click()
    await expect(shop.page.locator(".window")).not_to_have_attribute("data-layout-id", str(layout))
    await shop.wait_for_category(kind, 0.3)


async def test_the_panel_tells_the_journey_and_what_is_believed(shop: ShopPage) -> None:
    await look_at_sneakers(shop, 2)
    await expect(shop.page.locator("#journey .total")).to_contain_text(" ms")
    await expect(shop.page.locator("#journey .legs li").first).to_be_visible()
    await expect(shop.page.locator("#belief")).to_contain_text("Sneakers")
    await expect(shop.page.locator("#glance img").first).to_be_attached()


async def test_a_page_opened_anew_says_what_is_believed_before_the_next_click(shop: ShopPage) -> None:
    await look_at_sneakers(shop, 2)
    await shop.page.goto(shop.page.url.partition("#")[0])
    await shop.page.reload()
    await shop.wait_for_layout()
    await expect(shop.page.locator("#belief")).to_contain_text("Sneakers")


async def test_a_module_tells_why_it_is_there(shop: ShopPage) -> None:
    await look_at_sneakers(shop, 2)
    await shop.to_window()
    await shop.wait_for_category("sneakers", 0.5)
    why = shop.page.locator(".window .why:visible").nth(1)
    reason = await why.text_content()
    await why.click()
    await expect(shop.page.locator("#why")).to_contain_text(str(reason))
    await expect(shop.page.locator("#why .why-item").first).to_be_in_viewport()
    assert await shop.page.evaluate("scrollY") == 0  # what is clicked stays where it is


async def test_search_cart_and_purchase(shop: ShopPage) -> None:
    page = shop.page
    await page.locator("#q").fill("lamp")
    await page.locator("#q").press("Enter")
    await expect(page.locator(".view .grid .card").first).to_be_visible()
    assert all(item.startswith("lamps-") for item in (await shop.product_ids(".view", 1))[:6])
    await shop.look_at(0)
    await page.get_by_role("button", name="Add to cart", exact=True).click()
    await expect(page.locator("#cart-count")).to_have_text("1")
    await page.locator(".cart-link").click()
    await page.get_by_role("button", name="Buy it all").click()
    await expect(page.locator("#cart-count")).to_have_text("0")
    await expect(page.locator("#belief")).to_contain_text("1 order")


async def test_a_new_visitor_starts_from_nothing(shop: ShopPage) -> None:
    await look_at_sneakers(shop, 2)
    await expect(shop.page.locator("#belief")).to_contain_text("Sneakers")
    name = await shop.page.locator(".foot").text_content()
    await shop.page.get_by_role("button", name="New visitor").click()
    await shop.wait_for_layout()
    await expect(shop.page.locator("#belief")).not_to_contain_text("Sneakers")
    assert await shop.page.locator(".foot").text_content() != name


async def test_being_somebody_else_starts_a_new_visitor(shop: ShopPage) -> None:
    await look_at_sneakers(shop, 2)
    await expect(shop.page.locator("#belief")).to_contain_text("Sneakers")
    name = await shop.page.locator(".foot").text_content()
    await shop.page.locator("#be").get_by_role("button", name="Lamps").click()
    await shop.wait_for_category("lamps", 0.6)
    await expect(shop.page.locator("#belief")).to_contain_text("Lamps")
    await expect(shop.page.locator("#belief")).not_to_contain_text("Sneakers")
    assert await shop.page.locator(".foot").text_content() != name


async def test_a_stranger_is_told_kindly_what_is_known_and_shown(shop: ShopPage) -> None:
    await expect(shop.page.locator(".window h2").first).to_have_text("Popular right now")
    await expect(shop.page.locator("#belief")).to_contain_text("You are new here")
    await look_at_sneakers(shop, 1)
    await shop.to_window()
    await expect(shop.page.locator(".window h2").first).to_have_text("Picked for you")
    await expect(shop.page.locator("#belief")).not_to_contain_text("You are new here")


async def test_the_panel_says_of_each_row_why_it_is_there(shop: ShopPage) -> None:
    modules = shop.page.locator(".window .module")
    lines = shop.page.locator("#why .why-line")
    await expect(lines).to_have_count(await modules.count())
    for number in range(await modules.count()):
        title = await modules.nth(number).locator("h2").text_content()
        reason = await modules.nth(number).locator(".why").text_content()
        await expect(lines.nth(number)).to_have_text(f"{title}{reason}")


async def test_products_in_several_colours_can_be_told_apart(shop: ShopPage) -> None:
    await shop.open_category("lamps")
    cards = shop.page.locator(".view .grid .card")
    told = [await cards.nth(n).locator(".words").inner_text() for n in range(await cards.count())]
    assert len(set(told)) == len(told)
    assert await cards.locator(".colour").count() == len(told)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("#/item/yachts-0001", "No such product"),
        ("#/category/yachts", "No such category"),
        ("#/search/xyzzy%20plugh", "Nothing found for “xyzzy plugh”"),
        ("#/search/100%", "Nothing found for “100%”"),
    ],
)
async def test_what_the_shop_does_not_have_is_said_so(shop: ShopPage, address: str, said: str) -> None:
    page = shop.page
    posted: list[str] = []
    page.on("request", lambda request: posted.append(request.post_data or ""))
    await page.evaluate("address => { location.hash = address }", address)
    await expect(page.locator(".view h1")).to_have_text(said)
    await expect(page.locator(".nothing")).to_contain_text("what others like")
    await expect(page.locator(".view .row .card").first).to_be_visible()
    await expect(page.get_by_role("button", name="Add to cart", exact=True)).to_have_count(0)
    assert not [body for body in posted if "yachts-0001" in body]


async def test_a_product_opened_by_its_address_has_its_name(shop: ShopPage) -> None:
    known = await shop.product_ids()
    item = next(name for n in range(40, 80) if (name := f"lamps-{n:04d}") not in known)
    await shop.page.evaluate("address => { location.hash = address }", f"#/item/{item}")
    await expect(shop.page.locator(".product h1")).to_contain_text("Lamp")
    await expect(shop.page.get_by_role("button", name="Add to cart", exact=True)).to_be_visible()


async def test_back_is_where_one_was(shop: ShopPage) -> None:
    await shop.open_category("sneakers")
    await shop.page.evaluate("scrollTo({ top: 900, behavior: 'instant' })")
    await shop.look_at(14)
    assert await shop.page.evaluate("scrollY") == 0
    await shop.back()
    assert await shop.page.evaluate("scrollY") == pytest.approx(900, abs=150)


CUT = """[...document.querySelectorAll('.hero .title, .top a, .panel h2, .module h2')]
  .filter((e) => e.offsetParent && e.clientWidth && e.scrollWidth > e.clientWidth + 1)
  .map((e) => e.textContent)"""


async def test_no_title_is_cut_at_any_width(shop: ShopPage) -> None:
    for width in (320, 390, 720, 820, 1079, 1100, 1280, 1440, 1920):
        await shop.page.set_viewport_size({"width": width, "height": 800})
        assert await shop.page.evaluate(CUT) == [], width
        assert await shop.width_overflow() == 0, width


SHIFTS = """window.shifted = 0;
new PerformanceObserver((list) => list.getEntries().forEach((one) => { window.shifted += one.value; }))
  .observe({ type: 'layout-shift', buffered: true });"""


async def test_a_page_does_not_jump_while_it_loads(shop: ShopPage) -> None:
    await shop.page.add_init_script(SHIFTS)
    await shop.page.goto(shop.page.url.partition("#")[0] + "#/category/lamps")
    await shop.page.reload()
    await expect(shop.page.locator(".view .grid .card").first).to_be_visible()
    await expect(shop.page.locator(".ribbon a").first).to_be_visible()
    await expect(shop.page.locator("#why .why-line").first).to_be_visible()
    assert await shop.page.evaluate("window.shifted") < 0.1  # what is called good


async def test_a_phone_shows_everything_without_sideways_scrolling(phone: ShopPage) -> None:
    page = phone.page
    assert await phone.width_overflow() == 0
    await phone.open_category("sneakers")
    assert await phone.width_overflow() == 0
    await phone.look_at(0)
    assert await phone.width_overflow() == 0
    await expect(page.locator("#handle-ms")).to_have_text(re.compile(r"\d ms"))
    await page.locator("#handle").click()
    await expect(page.locator("#journey")).to_be_in_viewport()
    assert await phone.width_overflow() == 0


async def test_the_keyboard_is_enough(shop: ShopPage) -> None:
    page = shop.page
    await page.keyboard.press("Tab")
    await expect(page.locator(".skip")).to_be_focused()
    await page.locator(".window .card-link").first.focus()
    await page.keyboard.press("Enter")
    await expect(page.locator(".product h1")).to_be_focused()


async def test_every_picture_and_button_has_a_name(shop: ShopPage) -> None:
    await expect(shop.page.locator(".window .pic img").first).to_be_visible()
    nameless = await shop.page.evaluate(
        """() => [...document.querySelectorAll('.window .pic img, button, a, input')]
          .filter((e) => !(e.alt || e.ariaLabel || e.textContent.trim() || e.labels?.length))
          .filter((e) => !e.querySelector('img[alt]:not([alt=""])'))
          .map((e) => e.outerHTML.slice(0, 120))"""
    )
    assert nameless == []


MOVING = """document.getAnimations()
  .filter((a) => a.effect.target.closest('.card, #flights'))
  .filter((a) => a.effect.getComputedTiming().duration > 1).length"""


async def test_reduced_motion_is_respected(shop: ShopPage) -> None:
    async with asyncio.timeout(10):
        while await shop.page.evaluate(MOVING):  # what appeared with the page comes to rest
            await shop.page.wait_for_timeout(50)
    await shop.page.emulate_media(reduced_motion="reduce")
    layout = await shop.page.locator(".window").get_attribute("data-layout-id")
    await shop.page.locator(".window .row .heart").first.dispatch_event("click")
    await expect(shop.page.locator(".window")).not_to_have_attribute("data-layout-id", str(layout))
    assert await shop.page.evaluate(MOVING) == 0


async def test_the_legs_of_a_journey_add_up_whatever_the_clocks_say(shop: ShopPage) -> None:
    legs_of = """([journey, skew]) => import('/demo/journey.js').then(({ legsOf }) => {
      const told = Object.fromEntries(Object.entries(journey).map(([step, at]) => [step, at + skew]));
      return legsOf(100, 112, told, 120).map((leg) => [leg.step, leg.ms]);
    })"""
    journey = {"received": 102, "accepted": 109, "applied": 105, "folded": 106, "ranked": 108, "noticed": 111}
    aligned = await shop.page.evaluate(legs_of, [journey, 0])
    assert aligned == [
        ["received", 2], ["accepted", 3], ["applied", 0], ["folded", 1], ["ranked", 2], ["noticed", 3],
        ["arrived", 9],
    ]  # fmt: skip
    for skew in (-86_400_000, -50, 50, 86_400_000):
        legs = await shop.page.evaluate(legs_of, [journey, skew])
        assert sum(ms for _, ms in legs) == pytest.approx(20)
        assert all(ms >= 0 for _, ms in legs)
    assert await shop.page.evaluate(legs_of, [{}, 0]) == [["arrived", 20]]
