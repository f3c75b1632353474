"""Google Analytics 4: the Measurement Protocol, the data layer of gtag and Tag Manager, the BigQuery export.

Our events bear GA4's names and fields, so only the envelopes differ. Sources:
https://developers.google.com/analytics/devguides/collection/protocol/ga4/reference and
https://support.google.com/analytics/answer/7029846.
"""

from __future__ import annotations

from collections.abc import Mapping

from schemas.adapters.bodies import data_layer, export_rows, with_shared_fields
from schemas.adapters.conversions import consent, epoch, number, text, whole
from schemas.adapters.mapping import Adapter, Fields, Items, Json, Rule, take

_ITEM: Fields = {
    "item_id": take("item_id", "id", convert=text),
    "item_name": take("item_name", "name", convert=text),
    "item_brand": take("item_brand", "brand", convert=text),
    "item_category": take("item_category", "category", convert=text),
    **{f"item_category{n}": take(f"item_category{n}", convert=text) for n in range(2, 6)},
    "item_variant": take("item_variant", "variant", convert=text),
    "price": take("price", convert=number),
    "quantity": take("quantity", convert=whole),
    "discount": take("discount", convert=number),
    "coupon": take("coupon", convert=text),
    "index": take("index", convert=number),
    "promotion_id": take("promotion_id", convert=text),
    "item_list_id": take("item_list_id", convert=text),
}
_TEXTS = (
    "currency", "item_list_id", "item_list_name", "promotion_id", "promotion_name", "creative_slot", "coupon",
    "method", "search_term", "transaction_id",
)  # fmt: skip
_NUMBERS = ("value", "tax", "shipping", "engagement_time_msec")

_RENAMED: Mapping[str, str] = {"view_search_results": "search", "screen_view": "page_view"}
"""Names of GA4 that mean an event of ours with another name."""
_WITH_ITEMS = (
    "view_item_list", "select_item", "view_item", "add_to_wishlist", "add_to_cart", "remove_from_cart",
    "view_cart", "begin_checkout", "add_shipping_info", "add_payment_info", "purchase", "refund",
    "view_promotion", "select_promotion",
)  # fmt: skip
_WITHOUT = ("page_view", "search", "share", "login", "sign_up")
_OF_ITS_OWN = ("first_visit", "session_start", "user_engagement", "gtm.js", "gtm.dom", "gtm.load", "scroll")
"""What GA4 and Tag Manager send by themselves: nothing that a shopper chose."""


def _rules(*places: str) -> dict[str, Rule]:
    """The rules where an event's parameters stand at these paths, the first that is given."""

    def at(name: str) -> tuple[str, ...]:
        return tuple(f"{place}.{name}" if place else name for place in places)

    fields: Fields = {
        **{f"properties.{name}": take(*at(name), convert=text) for name in _TEXTS},
        **{f"properties.{name}": take(*at(name), convert=number) for name in _NUMBERS},
        "session_id": take(*at("session_id"), *at("ga_session_id"), convert=text),
        "context.page.url": take(*at("page_location")),
        "context.page.title": take(*at("page_title")),
        "context.page.referrer": take(*at("page_referrer")),
    }
    items = Items((*at("items"), "items"), _ITEM)
    consents: Fields = {"properties.purposes": take("purposes", convert=consent)}
    return {
        **{name: Rule(_OURS.get(name, name), fields, items) for name in _WITH_ITEMS},
        **{name: Rule(name, fields) for name in _WITHOUT},
        **{name: Rule(ours, fields) for name, ours in _RENAMED.items()},
        **{name: Rule(ignored=f"{name} tells nothing that a shopper did") for name in _OF_ITS_OWN},
        "consent": Rule("consent_updated", consents),
    }


_OURS: Mapping[str, str] = {"add_shipping_info": "begin_checkout", "add_payment_info": "begin_checkout"}


def _envelope(*times: str) -> Fields:
    return {
        "message_id": take("message_id", convert=text),
        "timestamp": take(*times, convert=epoch),
        "anonymous_id": take("body.client_id", "body.app_instance_id", "user_pseudo_id", convert=text),
        "user_id": take("body.user_id", "user_id", convert=text),
        "context.user_agent": take("body.user_agent", "body.device.user_agent"),
        "context.locale": take("body.device.language"),
        "context.device": take("body.device.category", "device.category", convert=_device),
        "context.consent": take("body.consent", convert=consent),
    }


def _device(value: object) -> str:
    found = str(value).lower()
    return found if found in {"desktop", "mobile", "tablet"} else "other"


def _name_of(event: Json) -> str:
    return str(event.get("name") or event.get("event") or event.get("event_name") or "")


MEASUREMENT_PROTOCOL = Adapter(
    name="ga4",
    title="Google Analytics 4, Measurement Protocol",
    split=with_shared_fields,
    name_of=_name_of,
    envelope=_envelope("timestamp_micros", "body.timestamp_micros"),
    rules=_rules("params"),
)
DATA_LAYER = Adapter(
    name="gtag",
    title="gtag and Google Tag Manager, the data layer",
    split=data_layer,
    name_of=_name_of,
    envelope=_envelope("timestamp_micros", "body.timestamp_micros"),
    rules=_rules("ecommerce", "eventModel", ""),
)
EXPORT = Adapter(
    name="ga4-export",
    title="Google Analytics 4, rows of the BigQuery export",
    split=export_rows,
    name_of=_name_of,
    envelope=_envelope("event_timestamp"),
    rules=_rules("params"),
)
