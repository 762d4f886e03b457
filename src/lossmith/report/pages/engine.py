"""The template engine of every page: autoescape always, undefined names are errors.

Comes in: the package whose folder `templates` holds them. Goes out: a jinja2 environment, one for each package.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

PACKAGE: Final = "lossmith.report.pages"
"""Where the templates of what every page is made of lie."""


@cache
def engine(package: str) -> Any:
    """Return a template engine that reads the templates of a package."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader(package), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
