"""Artifacts of manifest schema 1, whose graph clips its features itself. They stay valid."""

from __future__ import annotations

import numpy as np
import onnx
from msgspec.structs import replace
from onnx import TensorProto, helper, numpy_helper

from models.ranking.manifest import Manifest, digest
from models.ranking.ranker import Bounds


def self_clipping(model: bytes, manifest: Manifest, bounds: Bounds) -> tuple[bytes, Manifest]:
    """A model, and bounds of its inputs, in the graph that `etalage train` wrote before schema 2."""
    numbers = {one.name: one for one in onnx.load_from_string(model).graph.initializer}
    numbers |= {
        name: numpy_helper.from_array(value, name)
        for name, value in {"low": bounds.low, "high": bounds.high, "one": np.ones(1, np.float32)}.items()
    }
    node = helper.make_node
    nodes = [
        node("Max", ["features", "low"], ["above"]),
        node("Min", ["above", "high"], ["layer0"]),
        node("Gemm", ["layer0", "weight0", "bias0"], ["sum0"]),
        node("Relu", ["sum0"], ["layer1"]),
        node("Gemm", ["layer1", "weight1", "bias1"], ["sum1"]),
        node("Relu", ["sum1"], ["layer2"]),
        node("Gemm", ["layer2", "weight2", "bias2"], ["layer3"]),
        node("Gather", ["layer0", "cold"], ["stranger"], axis=1),
        node("Sub", ["one", "stranger"], ["known"]),
        node("Mul", ["layer3", "known"], ["learnt"]),
        node("Gemm", ["layer0", "straight", "offset"], ["past"]),
        node("Add", ["learnt", "past"], ["both"]),
        node("Squeeze", ["both", "axis"], ["score"]),
    ]
    used = {name for one in nodes for name in one.input}
    graph = helper.make_graph(
        nodes,
        "ranker",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", len(bounds.low)])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["rows"])],
        [tensor for name, tensor in numbers.items() if name in used],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", manifest.opset)])
    made.ir_version = 8
    raw = made.SerializeToString()
    return raw, replace(manifest, sha256=digest(raw), schema_version=1, bounds=None)
