"""Compiles the unit of `models` into what is installed; ETALAGE_COMPILED=0 leaves it out."""

from __future__ import annotations

from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

import unit_build


class BuildUnit(build_ext):
    """Without compiler or headers everything is installed all the same, and says why it is interpreted."""

    def run(self) -> None:
        """Beside the sources for an editable install, else among what goes into the wheel."""
        in_place = self.inplace or self.editable_mode
        unit_build.build(unit_build.models.FOLDER if in_place else Path(self.build_lib, "models"))


setup(
    cmdclass={"build_ext": BuildUnit},
    ext_modules=[Extension("models._unit", [])] if unit_build.WANTED else [],
)
