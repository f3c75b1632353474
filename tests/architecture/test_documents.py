"""Documents that can rot are compared with the code."""

from __future__ import annotations

import ast
import re
from typing import get_args

from schemas.storefront import RuleAction
from streams.cli.main import COMMANDS
from streams.runtime.settings import Settings
from streams.shop.document_parsing import parse_storefront
from tests.architecture.settings_table import SOURCE, in_readme, table
from tests.architecture.tree import ROOT, modules, parse_module


def test_the_readme_has_every_setting() -> None:
    assert in_readme() == table(), "run `python -m tests.architecture.settings_table`"


def test_every_setting_is_read_somewhere() -> None:
    read = {
        node.attr
        for path in modules("streams")
        if path != SOURCE
        for node in ast.walk(parse_module(path))
        if isinstance(node, ast.Attribute)
    }
    assert set(Settings.__struct_fields__) - read == set()


def test_the_readme_names_every_command() -> None:
    named = set(re.findall(r"`etalage ([a-z-]+)", (ROOT / "README.md").read_text()))
    assert named >= set(COMMANDS)


def test_the_readme_names_every_rule_action() -> None:
    (actions,) = re.findall(r"rules \(([a-z_, ]+)\)", (ROOT / "README.md").read_text())
    assert actions.split(", ") == list(get_args(RuleAction))


def test_the_readmes_rules_may_be_pushed() -> None:
    (rules,) = re.findall(r"```json\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    storefront = parse_storefront(f"{{{rules}}}".encode(), "README.md")
    assert [rule.action for rule in storefront.rules] == ["pin", "exclude"]


def test_the_readme_has_a_test_for_each_risk_of_owasp() -> None:
    marked = (
        (ROOT / "README.md").read_text().split("<!-- owasp: begin -->\n")[1].split("<!-- owasp: end -->")[0]
    )
    rows = [line.strip("| ").split(" | ") for line in marked.splitlines()[2:]]
    assert [row[0] for row in rows] == [f"API{number}" for number in range(1, 11)]
    named = {row[0]: ROOT / row[3].strip("`") for row in rows}
    assert all(path.name.startswith(f"test_{risk.lower()}_") for risk, path in named.items())
    tests = {
        path for path in modules("tests") if path.parent.name == "owasp" and path.name.startswith("test_")
    }
    assert set(named.values()) == tests
    assert all("def test_" in path.read_text() for path in tests)
    assert "fail" not in marked.lower()


def test_versions_are_pinned_by_name_alone() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert len(pins) > 50
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][\w.+!-]*", pin) for pin in pins)


def test_continuous_integration_knows_nothing_of_its_own() -> None:
    commands = [
        line
        for line in (ROOT / ".ci" / "run").read_text().splitlines()
        if line and not line.startswith(("#", "set ", "cd "))
    ]
    assert commands == ["make check test verify"]
