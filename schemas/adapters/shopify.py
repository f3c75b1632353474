"""Shopify's webhooks of orders and customers, as https://shopify.dev/docs/api/webhooks describes them.

A webhook `refunds/create` names no customer: refunds are read from `orders/updated`, which holds them all.
"""

from __future__ import annotations

from collections.abc import Mapping

from schemas.adapters.bodies import with_refunds
from schemas.adapters.conversions import id_with, iso_time, magnitude, number, text, whole
from schemas.adapters.mapping import Adapter, Fields, Items, Json, Rule, Signature, take

_ORDER_TOPICS = ("orders/create", "orders/paid", "orders/updated", "orders/edited", "orders/fulfilled")
_ERASURE = "erasing is not an event: DELETE /v1/visitors/u:<customer id>"


def _name_of(event: Json) -> str:
    topic = str(event.get("topic", ""))
    order = event.get("payload")
    if topic not in _ORDER_TOPICS or not isinstance(order, dict):
        return topic
    if order.get("cancelled_at"):
        return "orders/cancelled"
    return "order in a store" if order.get("source_name") == "pos" else "order"


_ENVELOPE: Fields = {
    "user_id": take("payload.customer.id", convert=text),
    "context.user_agent": take("payload.client_details.user_agent"),
    "context.locale": take("payload.customer_locale"),
}
_ITEM: Fields = {
    "item_id": take("product_id", "sku", convert=text),
    "item_name": take("title", convert=text),
    "item_brand": take("vendor", convert=text),
    "item_variant": take("variant_title", convert=text),
    "price": take("price", convert=number),
    "quantity": take("quantity", convert=whole),
    "discount": take("total_discount", convert=number),
}
_SUM: Fields = {
    "message_id": take("payload.id", convert=id_with("shopify-order")),
    "timestamp": take("payload.processed_at", "payload.created_at", convert=iso_time),
    "properties.transaction_id": take("payload.id", convert=text),
    "properties.currency": take("payload.currency"),
    "properties.value": take("payload.subtotal_price", "payload.total_price", convert=number),
    "properties.coupon": take("payload.discount_codes.0.code", convert=text),
}
_ORDER: Fields = {
    **_SUM,
    "properties.tax": take("payload.total_tax", convert=number),
    "properties.shipping": take("payload.total_shipping_price_set.shop_money.amount", convert=number),
}
_IN_STORE: Fields = {**_ORDER, "channel": take("topic", convert=lambda _: "store")}
_LINES = Items(("payload.line_items",), _ITEM)
_CANCELLED: Fields = {
    **_SUM,
    "message_id": take("payload.id", convert=id_with("shopify-undone")),
    "timestamp": take("payload.cancelled_at", convert=iso_time),
}
_REFUND: Fields = {
    "message_id": take("refund.id", convert=id_with("shopify-refund")),
    "timestamp": take("refund.processed_at", "refund.created_at", convert=iso_time),
    "properties.transaction_id": take("refund.order_id", "payload.id", convert=text),
    "properties.currency": take("payload.currency"),
    "properties.value": take("refund.transactions.0.amount", convert=magnitude),
}
_REFUNDED = Items(
    ("refund.refund_line_items",),
    {
        "item_id": take("line_item.product_id", "line_item.sku", convert=text),
        "item_name": take("line_item.title", convert=text),
        "price": take("line_item.price", convert=number),
        "quantity": take("quantity", convert=whole),
    },
)
_CONSENT: Fields = {
    "timestamp": take("payload.updated_at", "payload.created_at", convert=iso_time),
    "user_id": take("payload.id", convert=text),
    "properties.purposes": take("payload.email_marketing_consent.state", "payload.accepts_marketing",
                                convert=lambda state: {"marketing": state in ("subscribed", True)}),
}  # fmt: skip

RULES: Mapping[str, Rule] = {
    "order": Rule("purchase", _ORDER, _LINES),
    "order in a store": Rule(
        "store_purchase", {**_ORDER, "channel": take("topic", convert=lambda _: "store")}, _LINES
    ),
    "orders/cancelled": Rule("refund", _CANCELLED, _LINES),
    "refund": Rule("refund", _REFUND, _REFUNDED),
    "refunds/create": Rule(ignored="it names no customer: subscribe to orders/updated, which holds refunds"),
    "customers/create": Rule("consent_updated", _CONSENT),
    "customers/update": Rule("consent_updated", _CONSENT),
    "customers/delete": Rule(ignored=_ERASURE),
    "customers/redact": Rule(ignored=_ERASURE),
}

SHOPIFY = Adapter(
    name="shopify",
    title="Shopify webhooks",
    split=with_refunds(_ORDER_TOPICS),
    name_of=_name_of,
    envelope=_ENVELOPE,
    rules=RULES,
    fallback=Rule(ignored="no event of a shopper stands behind this topic"),
    signature=Signature("x-shopify-hmac-sha256", "x-shopify-topic"),
)
