"""A small neural network that scores rows, trained by the softmax of the view within its group. Plain numpy.

It adds to a linear score that begins as the understudy's: what the data does not teach stays as it was there.
For a visitor without events the linear score stands alone: layers that learn affinities spent a part on
fitting last month's items for such visitors too, and were a few per cent worse than popularity.

Loss: listwise softmax cross-entropy of a group's scores, that is ListNet's top-one loss with one relevant
item (Cao et al., 2007); with uniform negatives it is sampled softmax. Optimiser: Adam (Kingma and Ba, 2015)
with decoupled weight decay and a cosine schedule.
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
"""Units of the hidden layers. Chosen over (64, 32): within one per cent of its ranking, 2.5 times as fast."""
# Own choice, not tuned by a search.
EPOCHS = 10
GROUPS_A_STEP = 128
RATE, DECAY = 1e-3, 1e-3
LINEAR_RATE_SHARE = 0.1
"""Of RATE, for the linear score: it leaves the understudy's only for what the data says clearly."""
BETAS, EPSILON = (0.9, 0.999), 1e-8


class Examples(Struct, frozen=True, eq=False):
    """Groups of rows, one of which was viewed."""

    features: Array
    """float32[groups, rows of a group, features]"""
    targets: NDArray[np.int64]
    """int64[groups], the index of the viewed row in its group."""

    @property
    def rows(self) -> int:
        return self.targets.size * int(self.features.shape[1])


class Network(Struct, frozen=True, eq=False):
    """score = known · layers(inputs) + inputs · linear, where known is 0 for a visitor without events.

    Inputs are features clipped to [low, high] (what training has seen), centred and scaled. The layers are
    dense with ReLU between them.
    """

    low: Array
    """float32[features], as are `high`, `centre` and `scale`."""
    high: Array
    centre: Array
    scale: Array
    linear: Array
    """float32[features, 1]"""
    weights: list[Array]
    """Of each layer, float32[inputs, outputs]; the last has one output."""
    biases: list[Array]
    """Of each layer, float32[outputs]."""
    cold: int
    """The column that is 1 for a visitor without events."""

    def standardise(self, features: Array) -> Array:
        """The inputs of the layers, float32[rows, features]."""
        inputs: Array = (np.clip(features, self.low, self.high) - self.centre) / self.scale
        return inputs

    def score(self, features: Array) -> Array:
        """float32[rows] for float32[rows, features]."""
        return self.forward(self.standardise(features), self.known_mask(features))[1]

    def known_mask(self, features: Array) -> Array:
        """1 for a visitor with events, 0 for one without; float32[rows, 1]."""
        bounds = self.low[self.cold], self.high[self.cold]
        known: Array = 1 - np.clip(features[:, self.cold, None], *bounds)
        return known

    def forward(self, inputs: Array, known: Array) -> tuple[list[Array], Array]:
        """Outputs of all layers, the inputs first, and the scores, float32[rows]."""
        layers = [inputs]
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            out = layers[-1] @ weight + bias
            layers.append(out if number == len(self.weights) - 1 else np.maximum(out, 0))
        scores: Array = (known * layers[-1] + inputs @ self.linear)[:, 0]
        return layers, scores


class Prior(Struct, frozen=True, eq=False):
    """What is known before: the linear score to begin with, float32[features], and the cold column."""

    weights: Array
    cold: int


def fit(examples: Examples, prior: Prior, seed: int, report: Callable[[float], None]) -> Network:
    """Trains a network by mini-batch gradient descent.

    Args:
        examples: Groups of rows, one of which was viewed.
        prior: The linear score to begin with.
        seed: Of the initial weights and the order of groups; one seed makes one network.
        report: Called with the share that is done (0 to 1).

    Returns:
        The network after EPOCHS passes. It minimises the mean over groups of -log softmax(scores)[target];
        weights of layers begin normal with variance 2 / inputs (He et al., 2015), the last ten times
        smaller.

    Complexity: O(EPOCHS · rows · parameters), on one thread: several would wait for each other over
        products this small, and sum in another order.
    """
    with threadpool_limits(1):
        return _fit(examples, prior, seed, report)


def _fit(examples: Examples, prior: Prior, seed: int, report: Callable[[float], None]) -> Network:
    features, targets = examples.features, examples.targets
    rng = np.random.default_rng([seed, 6])
    network = _initialise(features.reshape(-1, features.shape[-1]), prior, rng)
    parameters = [*network.weights, *network.biases, network.linear]
    moments = [(np.zeros_like(one), np.zeros_like(one)) for one in parameters]
    steps_an_epoch = max(1, len(features) // GROUPS_A_STEP)
    steps = EPOCHS * steps_an_epoch
    for step in range(steps):
        if step % steps_an_epoch == 0:
            order = rng.permutation(len(features))
            report(step / steps)
        at = (step % steps_an_epoch) * GROUPS_A_STEP
        chosen = order[at : at + GROUPS_A_STEP]
        gradients = _compute_gradients(network, features[chosen], targets[chosen])
        rate = RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
        rates = [rate] * (len(parameters) - 1) + [rate * LINEAR_RATE_SHARE]
        _adam_step(parameters, gradients, moments, step, rates)
    return network


def _initialise(rows: Array, prior: Prior, rng: np.random.Generator) -> Network:
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
    linear = (prior.weights * scale)[:, None]
    return Network(low, high, rows.mean(axis=0), scale, linear, weights, biases, prior.cold)


def _compute_gradients(network: Network, features: Array, targets: NDArray[np.int64]) -> list[Array]:
    """Gradients of the mean loss of some groups by backpropagation.

    Args:
        network: The network as it is.
        features: float32[groups, rows of a group, features].
        targets: int64[groups], the row viewed in each group.

    Returns:
        One gradient for each weight matrix, then each bias, then the linear score, in their shapes. The
        gradient of the loss by a score is (softmax(scores) - 1[target]) / groups.
    """
    groups, size, width = features.shape
    rows = features.reshape(-1, width)
    known = network.known_mask(rows)
    layers, scores = network.forward(network.standardise(rows), known)
    errors = _softmax(scores.reshape(groups, size))
    errors[np.arange(groups), targets] -= 1
    back = (errors / groups).reshape(-1, 1)
    of_linear = layers[0].T @ back
    back = back * known
    of_weights: list[Array] = []
    of_biases: list[Array] = []
    for number in range(len(network.weights) - 1, -1, -1):
        of_weights.insert(0, layers[number].T @ back)
        of_biases.insert(0, back.sum(axis=0))
        back = (back @ network.weights[number].T) * (layers[number] > 0)
    return [*of_weights, *of_biases, of_linear]


def _softmax(scores: Array) -> Array:
    """Softmax of each row; the largest score is subtracted first, so that nothing overflows."""
    exponentials: Array = np.exp(scores - scores.max(axis=1, keepdims=True))
    exponentials /= exponentials.sum(axis=1, keepdims=True)
    return exponentials


def _adam_step(
    parameters: list[Array],
    gradients: list[Array],
    moments: list[tuple[Array, Array]],
    step: int,
    rates: list[float],
) -> None:
    """One step of Adam, in place; weight decay for the layers' matrices only."""
    first_beta, second_beta = BETAS
    for one, gradient, (first, second), rate in zip(parameters, gradients, moments, rates, strict=True):
        first += (1 - first_beta) * (gradient - first)
        second += (1 - second_beta) * (gradient * gradient - second)
        mean = first / (1 - first_beta ** (step + 1))
        spread = second / (1 - second_beta ** (step + 1))
        if one.ndim == 2 and one is not parameters[-1]:
            one -= np.float32(rate * DECAY) * one
        one -= np.float32(rate) * mean / (np.sqrt(spread) + np.float32(EPSILON))
