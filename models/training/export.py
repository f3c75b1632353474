"""A trained model as ONNX bytes, checked against the original row by row before anybody may load it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from models.ranking.bounds import clip
from models.ranking.ranker import Bounds
from models.training.mlp import Network

Array = NDArray[np.float32]
OPSET = 17
SCORE_DIFFERENCE_MAX = 1e-4
"""Largest difference of a score allowed, as a share of the scores' standard deviation."""


class ExportFailed(Exception):
    """The exported model does not score as the one that was trained."""


def network_to_onnx(network: Network) -> bytes:
    """Exports a network as one graph: float32[N, features] in, float32[N, 1] out.

    The graph takes features that are clipped to [network.low, network.high]; the manifest names these bounds.
    The standardisation is folded into the first matrices: (x - c) / s · W = x · (W / s) - (c / s) · W.

    Args:
        network: A trained network.

    Returns:
        A checked ONNX model of opset OPSET; the same network gives the same bytes.

    Raises:
        onnx.checker.ValidationError: The graph is no valid model.
    """
    first, bias = _fold_standardisation(network, network.weights[0], network.biases[0])
    linear, offset = _fold_standardisation(network, network.linear, np.zeros(1, np.float32))
    constants: dict[str, NDArray[Any]] = {
        "straight": linear,
        "offset": offset,
        "axis": np.array([1], np.int64),
        "cold": np.array([network.cold], np.int64),
        "after_cold": np.array([network.cold + 1], np.int64),
    }
    nodes = [
        *_make_layers([first, *network.weights[1:]], [bias, *network.biases[1:]], constants),
        helper.make_node("Slice", ["features", "cold", "after_cold", "axis"], ["stranger"]),
        # 1 - stranger, in one pass: onnxruntime subtracts a column from a number row by row.
        helper.make_node("HardSigmoid", ["stranger"], ["known"], alpha=-1.0, beta=1.0),
        helper.make_node("Mul", [f"layer{len(network.weights)}", "known"], ["learnt"]),
        helper.make_node("Gemm", ["features", "straight", "offset"], ["past"]),
        helper.make_node("Add", ["learnt", "past"], ["score"]),
    ]
    return _make_model(nodes, constants, len(network.low))


def _fold_standardisation(network: Network, weight: Array, bias: Array) -> tuple[Array, Array]:
    """Weight and bias that take raw features and give what standardised ones gave."""
    shifted = bias - (network.centre / network.scale) @ weight
    return (weight / network.scale[:, None]).astype(np.float32), shifted.astype(np.float32)


def _make_layers(weights: list[Array], biases: list[Array], constants: dict[str, NDArray[Any]]) -> list[Any]:
    """Nodes of the layers, the last without ReLU; their numbers go into `constants`."""
    nodes = []
    before = "features"
    for number, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        constants[f"weight{number}"], constants[f"bias{number}"] = weight, bias
        last = number == len(weights) - 1
        output = f"layer{number + 1}" if last else f"sum{number}"
        nodes.append(helper.make_node("Gemm", [before, f"weight{number}", f"bias{number}"], [output]))
        before = f"layer{number + 1}"
        if not last:
            nodes.append(helper.make_node("Relu", [output], [before]))
    return nodes


def _make_model(nodes: list[Any], constants: dict[str, NDArray[Any]], width: int) -> bytes:
    graph = helper.make_graph(
        nodes,
        "ranker",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", width])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["rows", 1])],
        [numpy_helper.from_array(np.ascontiguousarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="etalage")
    model.ir_version = 8
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def booster_to_onnx(booster: Any, width: int) -> bytes:
    """A LightGBM booster by onnxmltools: float32[N, features] in, float32[N, 1] out.

    ONNX holds thresholds as float32, LightGBM as double: pass the booster through `round_thresholds` first.
    """
    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType

    types = [("features", FloatTensorType([None, width]))]
    model = convert_lightgbm(booster, initial_types=types, target_opset=15, zipmap=False)
    return bytes(model.SerializeToString())


def round_thresholds(booster: Any) -> Any:
    """The same trees with each threshold rounded down to a float32: float32 features fall as before.

    Rounded to the nearest, as the converter does, a threshold may pass a value and send it to the other leaf.
    """
    import lightgbm

    lines = []
    for line in booster.model_to_string().splitlines():
        if line.startswith("threshold="):
            line = "threshold=" + " ".join(map(_round_down, line.removeprefix("threshold=").split()))
        if not line.startswith("tree_sizes="):  # sizes in bytes, no longer true; read without them
            lines.append(line)
    return lightgbm.Booster(model_str="\n".join(lines))


def _round_down(threshold: str) -> str:
    exact, near = float(threshold), np.float32(threshold)
    return repr(float(near if float(near) <= exact else np.nextafter(near, np.float32(-np.inf))))


def read_opset(model: bytes) -> int:
    """The opset of ONNX's own operators that a model needs."""
    return max(int(one.version) for one in onnx.load_from_string(model).opset_import if one.domain == "")


def check_parity(
    model: bytes, original: Callable[[Array], NDArray[Any]], rows: Array, bounds: Bounds | None = None
) -> float:
    """Compares an exported model with the original: some converters go wrong without an error.

    Args:
        model: The ONNX bytes.
        original: Scores of feature rows by the model that was trained.
        rows: float32[N, features]; the extremes of each column are added.
        bounds: What features are clipped to before the model gets them; None when they are not.

    Returns:
        The largest difference of a score, as a share of the scores' standard deviation.

    Raises:
        ExportFailed: The difference is above SCORE_DIFFERENCE_MAX.
    """
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    extremes = np.concatenate([rows, rows.min(axis=0, keepdims=True), rows.max(axis=0, keepdims=True)])
    inputs = extremes if bounds is None else clip(extremes, bounds)
    scores = session.run(None, {session.get_inputs()[0].name: inputs})[0].reshape(-1)
    expected = np.asarray(original(extremes)).reshape(-1)
    worst = float(np.abs(scores - expected).max() / max(float(expected.std()), 1e-9))
    if not worst <= SCORE_DIFFERENCE_MAX:
        raise ExportFailed(
            f"the exported model is off by {worst:.2g} deviations, allowed are {SCORE_DIFFERENCE_MAX:g}"
        )
    return worst
