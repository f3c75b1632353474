"""A small neural network that scores rows, learnt by the softmax of the look within its group. Plain numpy.

It adds to a linear score that begins as the understudy's: what the data does not teach stays as it was there.
For a stranger the linear score stands alone. Layers that learn tastes had a little to spare for strangers
too, and spent it on fitting last month's items: a few per cent worse than popularity.

Loss: cross-entropy of the softmax over a group's scores (ListNet with one relevant item; with uniform
negatives it is sampled softmax). Optimiser: Adam (Kingma and Ba, 2015) with decoupled weight decay.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

Array = NDArray[np.float32]
HIDDEN = (32, 16)
EPOCHS = 10
GROUPS_A_STEP = 128
RATE, DECAY = 1e-3, 1e-3
STRAIGHT_RATE = 0.1
"""Of RATE, for the linear score: it leaves the understudy's only for what the data says clearly."""
BETAS, EPSILON = (0.9, 0.999), 1e-8


class Examples(Struct, frozen=True, eq=False):
    """`features` is float32[groups, rows of a group, features], `looked_at` the index of the look in each."""

    features: Array
    looked_at: NDArray[np.int64]

    @property
    def rows(self) -> int:
        return self.looked_at.size * int(self.features.shape[1])


class Network(Struct, frozen=True, eq=False):
    """Inputs are held within [low, high] (what training has seen), centred and scaled; then three layers,
    and past them a straight way: score = (1 - cold) · layers(inputs) + inputs · straight, where `cold` is
    the column that is 1 for a visitor of whom nothing is known."""

    low: Array
    high: Array
    centre: Array
    scale: Array
    straight: Array
    weights: list[Array]
    biases: list[Array]
    cold: int

    def standardise(self, features: Array) -> Array:
        ready: Array = (np.clip(features, self.low, self.high) - self.centre) / self.scale
        return ready

    def score(self, features: Array) -> Array:
        return self.forward(self.standardise(features), self.known(features))[1]

    def known(self, features: Array) -> Array:
        """1 for a visitor we know, 0 for a stranger; float32[rows, 1]."""
        bounds = self.low[self.cold], self.high[self.cold]
        known: Array = 1 - np.clip(features[:, self.cold, None], *bounds)
        return known

    def forward(self, inputs: Array, known: Array) -> tuple[list[Array], Array]:
        """Outputs of all layers, the prepared inputs first, and the scores."""
        layers = [inputs]
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            out = layers[-1] @ weight + bias
            layers.append(out if number == len(self.weights) - 1 else np.maximum(out, 0))
        scores: Array = (known * layers[-1] + inputs @ self.straight)[:, 0]
        return layers, scores


class Prior(Struct, frozen=True, eq=False):
    """What is known before: the linear score to begin with, float32[features], and the stranger's column."""

    weights: Array
    cold: int


def fit(examples: Examples, prior: Prior, seed: int, report: Callable[[float], None]) -> Network:
    """A network for the examples.

    One thread: several would wait for each other over products this small, and sum in another order.
    """
    with threadpool_limits(1):
        return _fit(examples, prior, seed, report)


def _fit(examples: Examples, prior: Prior, seed: int, report: Callable[[float], None]) -> Network:
    features, looked_at = examples.features, examples.looked_at
    rng = np.random.default_rng([seed, 6])
    network = _fresh(features.reshape(-1, features.shape[-1]), prior, rng)
    parameters = [*network.weights, *network.biases, network.straight]
    moments = [(np.zeros_like(one), np.zeros_like(one)) for one in parameters]
    steps_an_epoch = max(1, len(features) // GROUPS_A_STEP)
    steps = EPOCHS * steps_an_epoch
    for step in range(steps):
        if step % steps_an_epoch == 0:
            order = rng.permutation(len(features))
            report(step / steps)
        at = (step % steps_an_epoch) * GROUPS_A_STEP
        chosen = order[at : at + GROUPS_A_STEP]
        gradients = _gradients(network, features[chosen], looked_at[chosen])
        rate = RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
        rates = [rate] * (len(parameters) - 1) + [rate * STRAIGHT_RATE]
        _adam(parameters, gradients, moments, step, rates)
    return network


def _fresh(rows: Array, prior: Prior, rng: np.random.Generator) -> Network:
    low, high = rows.min(axis=0), rows.max(axis=0)
    # A flag that is rarely set would be blown up by its tiny deviation.
    scale = np.maximum(np.maximum(rows.std(axis=0), 0.1 * (high - low)), 1e-3).astype(np.float32)
    sizes = (rows.shape[1], *HIDDEN, 1)
    weights = [
        rng.normal(0, np.sqrt(2 / size), (size, following)).astype(np.float32)
        for size, following in pairwise(sizes)
    ]
    weights[-1] *= np.float32(0.1)
    biases = [np.zeros(size, np.float32) for size in sizes[1:]]
    straight = (prior.weights * scale)[:, None]
    return Network(low, high, rows.mean(axis=0), scale, straight, weights, biases, prior.cold)


def _gradients(network: Network, features: Array, looked_at: NDArray[np.int64]) -> list[Array]:
    """Gradients of the mean loss for all weights, then all biases, then the straight way."""
    groups, size, width = features.shape
    rows = features.reshape(-1, width)
    known = network.known(rows)
    layers, scores = network.forward(network.standardise(rows), known)
    chances = _softmax(scores.reshape(groups, size))
    chances[np.arange(groups), looked_at] -= 1
    back = (chances / groups).reshape(-1, 1)
    of_straight = layers[0].T @ back
    back = back * known
    of_weights: list[Array] = []
    of_biases: list[Array] = []
    for number in range(len(network.weights) - 1, -1, -1):
        of_weights.insert(0, layers[number].T @ back)
        of_biases.insert(0, back.sum(axis=0))
        back = (back @ network.weights[number].T) * (layers[number] > 0)
    return [*of_weights, *of_biases, of_straight]


def _softmax(scores: Array) -> Array:
    raised: Array = np.exp(scores - scores.max(axis=1, keepdims=True))
    raised /= raised.sum(axis=1, keepdims=True)
    return raised


def _adam(
    parameters: list[Array],
    gradients: list[Array],
    moments: list[tuple[Array, Array]],
    step: int,
    rates: list[float],
) -> None:
    """One step, in place; weight decay for the layers' matrices only."""
    first_beta, second_beta = BETAS
    for one, gradient, (first, second), rate in zip(parameters, gradients, moments, rates, strict=True):
        first += (1 - first_beta) * (gradient - first)
        second += (1 - second_beta) * (gradient * gradient - second)
        mean = first / (1 - first_beta ** (step + 1))
        spread = second / (1 - second_beta ** (step + 1))
        if one.ndim == 2 and one is not parameters[-1]:
            one -= np.float32(rate * DECAY) * one
        one -= np.float32(rate) * mean / (np.sqrt(spread) + np.float32(EPSILON))
