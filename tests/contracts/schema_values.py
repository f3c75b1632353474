"""Values of a JSON Schema, drawn by Hypothesis: of the keywords that our schemas use, and no others."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Schema = dict[str, Any]

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
MOMENTS = st.datetimes().map(lambda moment: f"{moment.isoformat()}Z")
LONG = 40
"""Characters and entries of what has no smaller bound: values stay small; unit tests try bounds."""


def values_of(schema: Schema, root: Schema) -> st.SearchStrategy[Any]:
    """Values that a part of the schema `root` admits; where it says nothing, anything."""
    if "$ref" in schema:
        return st.deferred(lambda: values_of(_resolve(schema["$ref"], root), root))
    if "anyOf" in schema and "type" not in schema:
        return st.one_of([values_of(one, root) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "const" in schema:
        return st.just(schema["const"])
    makers = {"object": _objects, "array": _lists, "string": _texts, "integer": _integers, "number": _numbers}
    kind = schema.get("type")
    if kind in makers:
        return makers[kind](schema, root)
    return {"null": st.none(), "boolean": st.booleans()}.get(kind or "", ANYTHING)


def _resolve(ref: str, root: Schema) -> Schema:
    part: Any = root
    for name in ref.removeprefix("#/").split("/"):
        part = part[name]
    found: Schema = part
    return found


def _objects(schema: Schema, root: Schema) -> st.SearchStrategy[Any]:
    parts = {name: values_of(part, root) for name, part in schema.get("properties", {}).items()}
    required = {name: parts.pop(name) for name in schema.get("required", ())}
    named: st.SearchStrategy[Any] = st.fixed_dictionaries(required, optional=parts)
    others = schema.get("additionalProperties")
    if not isinstance(others, dict):
        return named
    names = values_of({"type": "string"} | schema.get("propertyNames", {}), root)
    return st.dictionaries(names, values_of(others, root), max_size=3)


def _lists(schema: Schema, root: Schema) -> st.SearchStrategy[Any]:
    return st.lists(values_of(schema["items"], root), min_size=schema.get("minItems", 0), max_size=3)


def _texts(schema: Schema, root: Schema) -> st.SearchStrategy[Any]:
    if schema.get("format") == "date-time":
        return MOMENTS
    if "pattern" in schema:
        return st.from_regex(schema["pattern"]).filter(lambda text: len(text) <= schema.get("maxLength", 999))
    most = min(schema.get("maxLength", LONG), LONG)
    return st.text(st.characters(codec="utf-8"), min_size=schema.get("minLength", 0), max_size=most)


def _integers(schema: Schema, root: Schema) -> st.SearchStrategy[Any]:
    return st.integers(schema.get("minimum"), schema.get("maximum"))


def _numbers(schema: Schema, root: Schema) -> st.SearchStrategy[Any]:
    return st.floats(schema.get("minimum"), schema.get("maximum"), allow_nan=False, allow_infinity=False)
