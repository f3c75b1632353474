"""Events: GA4 names and items[] in a Segment-style envelope, one Struct per name.

A record on `events.v1` is one of these as JSON, with an optional `kind` (only `event` for now).
A name that is not listed decodes to OtherEvent: accepted, counted as `other`, changes no feature.
These types say what fits; `schemas.intake` makes what does not fit into what does.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, get_args

from msgspec import Meta, Struct

from schemas.ids import ItemIdText, PlainId, VisitorId, visitor_id

EVENT_BYTES_MAX = 32 * 1024
ITEMS_MAX = 200

Text = Annotated[str, Meta(min_length=1, max_length=1000)]
Name = Annotated[str, Meta(min_length=1, max_length=100)]
Label = Annotated[str, Meta(min_length=1, max_length=200)]
Money = Annotated[float, Meta(ge=0, le=1e9)]
Count = Annotated[int, Meta(ge=1, le=9999)]
When = Annotated[datetime, Meta(tz=True)]

Channel = Literal["web", "app", "email", "chatbot", "social", "store"]
Device = Literal["desktop", "mobile", "tablet", "kiosk", "other"]


class EventItem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One entry of GA4's items[]; colour and size are ours. Prices are per unit."""

    item_id: ItemIdText
    item_name: Label | None = None
    item_brand: Label | None = None
    item_category: Label | None = None
    item_category2: Label | None = None
    item_category3: Label | None = None
    item_category4: Label | None = None
    item_category5: Label | None = None
    item_variant: Label | None = None
    colour: Label | None = None
    size: Label | None = None
    price: Money | None = None
    quantity: Count = 1
    index: Annotated[int, Meta(ge=0, le=10_000)] | None = None
    discount: Money | None = None
    coupon: Label | None = None
    promotion_id: Label | None = None
    item_list_id: Label | None = None


Items = Annotated[list[EventItem], Meta(max_length=ITEMS_MAX)]
SomeItems = Annotated[list[EventItem], Meta(min_length=1, max_length=ITEMS_MAX)]


class Page(Struct, frozen=True, omit_defaults=True):
    url: Text | None = None
    path: Text | None = None
    referrer: Text | None = None
    title: Text | None = None
    type: Label | None = None


class Campaign(Struct, frozen=True, omit_defaults=True):
    source: Label | None = None
    medium: Label | None = None
    name: Label | None = None


class Context(Struct, frozen=True, omit_defaults=True):
    page: Page | None = None
    locale: Annotated[str, Meta(min_length=1, max_length=35)] | None = None
    device: Device | None = None
    user_agent: Text | None = None
    campaign: Campaign | None = None
    consent: dict[Name, bool] | None = None


class Properties(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What an event without required properties may carry; extra names are ignored."""

    items: Items = []
    value: Money | None = None
    currency: Annotated[str, Meta(pattern="^[A-Z]{3}$")] | None = None
    engagement_time_msec: Annotated[int, Meta(ge=0, le=86_400_000)] | None = None
    item_list_id: Label | None = None
    item_list_name: Label | None = None
    promotion_id: Label | None = None
    promotion_name: Label | None = None
    creative_slot: Label | None = None
    category: Label | None = None
    coupon: Label | None = None
    method: Label | None = None
    tactic: Label | None = None
    rating: Annotated[float, Meta(ge=0, le=5)] | None = None
    topic: Label | None = None


class ItemsProperties(Properties, frozen=True, omit_defaults=True, kw_only=True):
    items: SomeItems


class SearchProperties(Properties, frozen=True, omit_defaults=True, kw_only=True):
    search_term: Annotated[str, Meta(min_length=1, max_length=200)]


class OrderProperties(Properties, frozen=True, omit_defaults=True, kw_only=True):
    transaction_id: Name
    items: SomeItems
    tax: Money | None = None
    shipping: Money | None = None


class RefundProperties(Properties, frozen=True, omit_defaults=True, kw_only=True):
    transaction_id: Name


class ConsentProperties(Properties, frozen=True, omit_defaults=True, kw_only=True):
    purposes: dict[Name, bool]


class Envelope(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What every event carries. `timestamp` is the client's clock; arrival is the record's."""

    message_id: Name
    timestamp: When
    anonymous_id: PlainId | None = None
    user_id: PlainId | None = None
    kind: Literal["event"] = "event"
    sent_at: When | None = None
    session_id: Name | None = None
    page_view_id: Name | None = None
    channel: Channel = "web"
    context: Context | None = None
    decision_id: Label | None = None
    slot_id: Label | None = None
    module_id: Label | None = None
    index: Annotated[int, Meta(ge=0, le=10_000)] | None = None

    @property
    def visitor(self) -> VisitorId:
        """Key of the record; InvalidEvent when neither id is given."""
        return visitor_id(self.user_id, self.anonymous_id)


class Known(
    Envelope, frozen=True, kw_only=True, omit_defaults=True, tag_field="event", forbid_unknown_fields=True
):
    """Base of the union: the JSON field `event` holds the GA4 name.

    Fields that we do not know are left out by `schemas.intake`, which is asked when this does not fit.
    """


class WithProperties(Known, frozen=True, kw_only=True, omit_defaults=True):
    properties: Properties = Properties()


class WithItems(Known, frozen=True, kw_only=True, omit_defaults=True):
    properties: ItemsProperties


class PageView(WithProperties, frozen=True, kw_only=True, tag="page_view"): ...


class ViewItemList(WithProperties, frozen=True, kw_only=True, tag="view_item_list"): ...


class SelectItem(WithItems, frozen=True, kw_only=True, tag="select_item"): ...


class ViewItem(WithItems, frozen=True, kw_only=True, tag="view_item"): ...


class Search(Known, frozen=True, kw_only=True, tag="search"):
    properties: SearchProperties


class AddToWishlist(WithItems, frozen=True, kw_only=True, tag="add_to_wishlist"): ...


class AddToCart(WithItems, frozen=True, kw_only=True, tag="add_to_cart"): ...


class RemoveFromCart(WithItems, frozen=True, kw_only=True, tag="remove_from_cart"): ...


class ViewCart(WithProperties, frozen=True, kw_only=True, tag="view_cart"): ...


class BeginCheckout(WithProperties, frozen=True, kw_only=True, tag="begin_checkout"): ...


class Purchase(Known, frozen=True, kw_only=True, tag="purchase"):
    properties: OrderProperties


class Refund(Known, frozen=True, kw_only=True, tag="refund"):
    properties: RefundProperties


class ViewPromotion(WithProperties, frozen=True, kw_only=True, tag="view_promotion"): ...


class SelectPromotion(WithProperties, frozen=True, kw_only=True, tag="select_promotion"): ...


class Share(WithProperties, frozen=True, kw_only=True, tag="share"): ...


class Login(WithProperties, frozen=True, kw_only=True, tag="login"): ...


class SignUp(WithProperties, frozen=True, kw_only=True, tag="sign_up"): ...


class ModuleViewed(WithProperties, frozen=True, kw_only=True, tag="module_viewed"): ...


class ModuleDismissed(WithProperties, frozen=True, kw_only=True, tag="module_dismissed"): ...


class ConsentUpdated(Known, frozen=True, kw_only=True, tag="consent_updated"):
    properties: ConsentProperties


class ChatStarted(WithProperties, frozen=True, kw_only=True, tag="chat_started"): ...


class TryonStarted(WithProperties, frozen=True, kw_only=True, tag="tryon_started"): ...


class ReturnCompleted(WithProperties, frozen=True, kw_only=True, tag="return_completed"): ...


class ReviewSubmitted(WithProperties, frozen=True, kw_only=True, tag="review_submitted"): ...


class EmailOpened(WithProperties, frozen=True, kw_only=True, tag="email_opened"): ...


class EmailClicked(WithProperties, frozen=True, kw_only=True, tag="email_clicked"): ...


class StoreVisit(WithProperties, frozen=True, kw_only=True, tag="store_visit"): ...


class StorePurchase(Known, frozen=True, kw_only=True, tag="store_purchase"):
    properties: OrderProperties


class SocialEngaged(WithProperties, frozen=True, kw_only=True, tag="social_engaged"): ...


class SupportContacted(WithProperties, frozen=True, kw_only=True, tag="support_contacted"): ...


class OtherEvent(Envelope, frozen=True, kw_only=True):
    """An event whose name we do not know, or that lacks what it is about: counted, changes no feature."""

    event: Name


KnownEvent = (
    PageView | ViewItemList | SelectItem | ViewItem | Search | AddToWishlist | AddToCart | RemoveFromCart
    | ViewCart | BeginCheckout | Purchase | Refund | ViewPromotion | SelectPromotion | Share | Login | SignUp
    | ModuleViewed | ModuleDismissed | ConsentUpdated | ChatStarted | TryonStarted | ReturnCompleted
    | ReviewSubmitted | EmailOpened | EmailClicked | StoreVisit | StorePurchase | SocialEngaged
    | SupportContacted
)  # fmt: skip
Event = KnownEvent | OtherEvent

EVENT_NAMES: tuple[str, ...] = tuple(str(cls.__struct_config__.tag) for cls in get_args(KnownEvent))
