"""A small simulated shop with its events, and a trained network: made once for all tests of training."""

from __future__ import annotations

import pytest

from models.training.export import network_to_onnx
from models.training.mlp import Examples, Network, fit
from models.training.simulation.catalogue import SimulatedShop, make_shop
from models.training.simulation.shoppers import ContextualEvent, simulate
from tests.unit.models.training.small_data import PRIOR, SEED, random_groups


@pytest.fixture(scope="session")
def shop() -> SimulatedShop:
    return make_shop(SEED, products=200)


@pytest.fixture(scope="session")
def events(shop: SimulatedShop) -> list[ContextualEvent]:
    return simulate(SEED, shop, 25)


@pytest.fixture(scope="session")
def network() -> Network:
    features, targets = random_groups()
    return fit(Examples(features, targets), PRIOR, 1, lambda share: None)


@pytest.fixture(scope="session")
def model(network: Network) -> bytes:
    return network_to_onnx(network)
