"""Whether the packages of the study extra are installed.

Comes in: their names. Goes out: nothing, or one sentence that says what to install.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from lossmith.errors import DataError

STUDY: Final = ("polars", "narwhals", "lightgbm", "sklearn", "plotly", "jinja2")


def need_extra(packages: tuple[str, ...] = STUDY) -> None:
    """Refuse at once where a package of the study extra is not installed."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise DataError(
            "LM516",
            f"a study needs {', '.join(missing)}, which this installation lacks. Install the study extra: "
            "pip install 'lossmith[study]'.",
        )
