"""Puts the page templates and the study into the wheel; pyproject.toml says everything else.

In a checkout both lie at the top, where people look for them; an installed package can have files only inside
it. `runner/shipped.py` finds them in either place.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

SHIPPED = ("site_templates", "experiments.toml")


class WithShipped(build_py):
    """Copies what is shipped beside the modules, unless the modules are used where they are."""

    def run(self) -> None:
        """Build, then copy."""
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib, "runner", "shipped")
        shutil.rmtree(target, ignore_errors=True)  # an earlier build's may have files that are gone since
        target.mkdir(parents=True)
        for name in SHIPPED:
            if Path(name).is_dir():
                shutil.copytree(name, target / name, ignore=shutil.ignore_patterns(".*"))
            else:
                shutil.copy2(name, target / name)


setup(cmdclass={"build_py": WithShipped})
