"""Segment and RudderStack: `track`, `page`, `screen`, `identify`, `alias`, `group`, alone or in a `batch`.

Names and fields are those of Segment's specification, version 2 of its e-commerce events:
https://segment.com/docs/connections/spec/ecommerce/v2/ and https://www.rudderstack.com/docs/event-spec/.
"""

from __future__ import annotations

from collections.abc import Mapping

from schemas.adapters.bodies import one_or_many
from schemas.adapters.conversions import (
    consent,
    counted_from_one,
    iso_time,
    number,
    text,
    whole,
)
from schemas.adapters.mapping import Adapter, Fields, Items, Json, Rule, take

_CHANNELS: Mapping[str, str] = {"mobile": "app", "browser": "web", "web": "web", "server": "web"}
_DEVICES: Mapping[str, str] = {
    "ios": "mobile", "android": "mobile", "mobile": "mobile", "tablet": "tablet", "desktop": "desktop",
}  # fmt: skip


def _name_of(event: Json) -> str:
    kind = event.get("type", "track")
    return str(event.get("event", "")) if kind == "track" else f"type:{kind}"


def _channel(value: object) -> str:
    return _CHANNELS.get(str(value).lower(), "web")


def _device(value: object) -> str:
    return _DEVICES.get(str(value).lower(), "other")


ENVELOPE: Fields = {
    "message_id": take("messageId", convert=text),
    "timestamp": take("originalTimestamp", "timestamp", convert=iso_time),
    "sent_at": take("sentAt", convert=iso_time),
    "anonymous_id": take("anonymousId", convert=text),
    "user_id": take("userId", convert=text),
    "session_id": take("context.sessionId", "context.session_id", convert=text),
    "channel": take("channel", "context.channel", convert=_channel),
    "context.page.url": take("context.page.url"),
    "context.page.path": take("context.page.path"),
    "context.page.referrer": take("context.page.referrer"),
    "context.page.title": take("context.page.title"),
    "context.locale": take("context.locale"),
    "context.user_agent": take("context.userAgent"),
    "context.device": take("context.device.type", convert=_device),
    "context.campaign.source": take("context.campaign.source"),
    "context.campaign.medium": take("context.campaign.medium"),
    "context.campaign.name": take("context.campaign.name"),
    "context.consent": take("context.consent.categoryPreferences", convert=consent),
}
"""`originalTimestamp` is by the client's clock, as `sent_at` expects it; `timestamp` was corrected before."""

_PRODUCT: Fields = {
    "item_id": take("product_id", "productId", "sku", "id", convert=text),
    "item_name": take("name", convert=text),
    "item_brand": take("brand", convert=text),
    "item_category": take("category", convert=text),
    "item_variant": take("variant", convert=text),
    "price": take("price", convert=number),
    "quantity": take("quantity", convert=whole),
    "coupon": take("coupon", convert=text),
    "index": take("position", convert=counted_from_one),
}
_SINGLE = Items(("properties",), _PRODUCT)
_LIST = Items(("properties.products",), _PRODUCT)
_MONEY: Fields = {
    "properties.currency": take("properties.currency"),
    "properties.value": take("properties.value", "properties.total", "properties.revenue", convert=number),
    "properties.coupon": take("properties.coupon", convert=text),
}
_LISTED: Fields = {
    "properties.item_list_id": take("properties.list_id", convert=text),
    "properties.category": take("properties.category", convert=text),
}
_ORDER: Fields = {
    **_MONEY,
    "properties.transaction_id": take("properties.order_id", "properties.checkout_id", convert=text),
    "properties.tax": take("properties.tax", convert=number),
    "properties.shipping": take("properties.shipping", convert=number),
}
_PROMOTION: Fields = {
    "properties.promotion_id": take("properties.promotion_id", convert=text),
    "properties.promotion_name": take("properties.name", convert=text),
    "properties.creative_slot": take("properties.position", "properties.creative", convert=text),
}
_PAGE: Fields = {
    "context.page.url": take("properties.url", "context.page.url"),
    "context.page.path": take("properties.path", "context.page.path"),
    "context.page.title": take("properties.title", "name", "context.page.title"),
    "properties.category": take("category", "properties.category", convert=text),
}
_SEARCH: Fields = {"properties.search_term": take("properties.query", "properties.search_term", convert=text)}
_RATED: Fields = {"properties.rating": take("properties.rating", convert=number)}
_ALIAS: Fields = {"anonymous_id": take("previousId", convert=text)}

RULES: Mapping[str, Rule] = {
    "type:page": Rule("page_view", _PAGE),
    "type:screen": Rule("page_view", {**_PAGE, "channel": take("type", convert=lambda _: "app")}),
    "type:identify": Rule("login"),
    "type:alias": Rule("login", _ALIAS),
    "type:group": Rule(ignored="a group is not a shopper"),
    "Products Searched": Rule("search", _SEARCH),
    "Product List Viewed": Rule("view_item_list", _LISTED, _LIST),
    "Product List Filtered": Rule("view_item_list", _LISTED, _LIST),
    "Promotion Viewed": Rule("view_promotion", _PROMOTION),
    "Promotion Clicked": Rule("select_promotion", _PROMOTION),
    "Product Clicked": Rule("select_item", _MONEY, _SINGLE),
    "Product Viewed": Rule("view_item", _MONEY, _SINGLE),
    "Product Added": Rule("add_to_cart", _MONEY, _SINGLE),
    "Product Removed": Rule("remove_from_cart", _MONEY, _SINGLE),
    "Cart Viewed": Rule("view_cart", _MONEY, _LIST),
    "Checkout Started": Rule("begin_checkout", _MONEY, _LIST),
    "Order Completed": Rule("purchase", _ORDER, _LIST),
    "Order Refunded": Rule("refund", _ORDER, _LIST),
    "Order Cancelled": Rule("refund", _ORDER, _LIST),
    "Product Added to Wishlist": Rule("add_to_wishlist", _MONEY, _SINGLE),
    "Wishlist Product Added to Cart": Rule("add_to_cart", _MONEY, _SINGLE),
    "Product Shared": Rule("share", _MONEY, _SINGLE),
    "Cart Shared": Rule("share", {}, _LIST),
    "Product Reviewed": Rule("review_submitted", _RATED, _SINGLE),
    "Signed Up": Rule("sign_up"),
    "Signed In": Rule("login"),
    "Email Opened": Rule("email_opened"),
    "Email Link Clicked": Rule("email_clicked"),
}

SEGMENT = Adapter(
    name="segment",
    title="Segment",
    split=one_or_many,
    name_of=_name_of,
    envelope=ENVELOPE,
    rules=RULES,
)
RUDDERSTACK = Adapter(
    name="rudderstack", title="RudderStack", split=one_or_many, name_of=_name_of,
    envelope=ENVELOPE, rules=RULES,
)  # fmt: skip
