"""What shows itself as a page in a notebook: losses and activations.

Comes in: the object. Goes out: HTML, made by the public `lossmith.show`.
"""

from __future__ import annotations

from typing import Any


class Shown:
    """Abstract: an object that `lossmith.show` makes a page of."""

    def _repr_html_(self) -> str:
        from lossmith import show

        page: Any = show(self)  # type: ignore[arg-type]
        html: str = page._repr_html_()
        return html
