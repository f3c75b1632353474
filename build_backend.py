"""setuptools, and what compiling the unit takes: Cython, and a C compiler where the machine has none."""

from __future__ import annotations

import tomllib
from pathlib import Path

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403

from unit_build import WANTED, ZIG, compiler


def get_requires_for_build_wheel(config_settings=None):
    return build_meta.get_requires_for_build_wheel(config_settings) + _compilers()


def get_requires_for_build_editable(config_settings=None):
    return build_meta.get_requires_for_build_editable(config_settings) + _compilers()


def _compilers():
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
    cython = [name for name in project["dependencies"] if name.startswith("Cython")]
    return [*cython, *([] if compiler() else [ZIG])] if WANTED else []
