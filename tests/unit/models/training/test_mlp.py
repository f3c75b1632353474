"""The network: it learns, and one seed makes one."""

from __future__ import annotations

from models.training.export import network_to_onnx
from models.training.mlp import Examples, Network, fit
from tests.unit.models.training.small_data import GROUPS, PRIOR, WIDTH, random_groups


def test_the_network_learns(network: Network) -> None:
    features, targets = random_groups()
    first = network.score(features.reshape(-1, WIDTH)).reshape(GROUPS, 20).argmax(axis=1)
    assert (first == targets).mean() > 0.15  # chance is 0.05


def test_one_seed_makes_one_network(model: bytes) -> None:
    data = Examples(*random_groups())
    assert network_to_onnx(fit(data, PRIOR, 1, lambda share: None)) == model
    assert network_to_onnx(fit(data, PRIOR, 2, lambda share: None)) != model
