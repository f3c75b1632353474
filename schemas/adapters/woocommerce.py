"""WooCommerce's webhooks of orders and customers, as https://woocommerce.github.io/woocommerce-rest-api-docs/
describes them. A guest's order names nobody: `customer_id` is 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.adapters.bodies import with_refunds
from schemas.adapters.conversions import DROPPED, id_with, magnitude, number, text, utc_time, whole
from schemas.adapters.mapping import Adapter, Fields, Items, Json, Rule, Signature, take

_ORDER_TOPICS = frozenset({"order.created", "order.updated", "order.restored"})
_ORDERED = frozenset({"processing", "completed", "on-hold", "refunded", "cancelled"})
_UNDONE = frozenset({"cancelled", "failed", "trash"})


def _name_of(event: Json) -> str:
    topic, order = str(event.get("topic", "")), event.get("payload")
    if topic not in _ORDER_TOPICS or not isinstance(order, dict):
        return topic
    status = str(order.get("status"))
    if status in _UNDONE:
        return "order undone"
    return "order" if status in _ORDERED else "order not paid"


def _customer(value: Any) -> Any:
    found = text(value)
    return DROPPED if found == "0" else found


_ENVELOPE: Fields = {
    "user_id": take("payload.customer_id", convert=_customer),
    "context.user_agent": take("payload.customer_user_agent"),
}
_ITEM: Fields = {
    "item_id": take("product_id", "sku", convert=text),
    "item_name": take("name", "parent_name", convert=text),
    "price": take("price", convert=number),
    "quantity": take("quantity", convert=whole),
}
_SUM: Fields = {
    "message_id": take("payload.id", convert=id_with("woocommerce-order")),
    "timestamp": take("payload.date_created_gmt", convert=utc_time),
    "properties.transaction_id": take("payload.id", convert=text),
    "properties.currency": take("payload.currency"),
    "properties.value": take("payload.total", convert=number),
    "properties.coupon": take("payload.coupon_lines.0.code", convert=text),
}
_ORDER: Fields = {
    **_SUM,
    "properties.tax": take("payload.total_tax", convert=number),
    "properties.shipping": take("payload.shipping_total", convert=number),
}
_LINES = Items(("payload.line_items",), _ITEM)
_UNDO: Fields = {
    **_SUM,
    "message_id": take("payload.id", convert=id_with("woocommerce-undone")),
    "timestamp": take("payload.date_modified_gmt", convert=utc_time),
}
_REFUND: Fields = {
    "message_id": take("refund.id", convert=id_with("woocommerce-refund")),
    "timestamp": take("payload.date_modified_gmt", convert=utc_time),
    "properties.transaction_id": take("payload.id", convert=text),
    "properties.currency": take("payload.currency"),
    "properties.value": take("refund.total", convert=magnitude),
}
_SIGN_UP: Fields = {
    "timestamp": take("payload.date_created_gmt", convert=utc_time),
    "user_id": take("payload.id", convert=text),
}

RULES: Mapping[str, Rule] = {
    "order": Rule("purchase", _ORDER, _LINES),
    "order undone": Rule("refund", _UNDO, _LINES),
    "order not paid": Rule(ignored="the order is not paid: its next webhook tells when it is"),
    "order.deleted": Rule(ignored="a deleted order names nobody"),
    "refund": Rule("refund", _REFUND),
    "customer.created": Rule("sign_up", _SIGN_UP),
    "customer.deleted": Rule(ignored="erasing is not an event: DELETE /v1/visitors/u:<customer id>"),
}

WOOCOMMERCE = Adapter(
    name="woocommerce",
    title="WooCommerce webhooks",
    split=with_refunds(_ORDER_TOPICS),
    name_of=_name_of,
    envelope=_ENVELOPE,
    rules=RULES,
    fallback=Rule(ignored="no event of a shopper stands behind this topic"),
    signature=Signature("x-wc-webhook-signature", "x-wc-webhook-topic"),
)
