"""All adapters there are."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.adapters.ga4 import DATA_LAYER, EXPORT, MEASUREMENT_PROTOCOL
from schemas.adapters.mapping import Adapter
from schemas.adapters.segment import RUDDERSTACK, SEGMENT
from schemas.adapters.shopify import SHOPIFY
from schemas.adapters.woocommerce import WOOCOMMERCE

ADAPTERS: Mapping[str, Adapter] = {
    adapter.name: adapter
    for adapter in (SEGMENT, RUDDERSTACK, MEASUREMENT_PROTOCOL, DATA_LAYER, EXPORT, SHOPIFY, WOOCOMMERCE)
}
"""By the name in `/v1/adapters/<name>` and `--format <name>`."""
