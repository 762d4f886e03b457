"""Pages of the command line: written where it was asked for, and opened.

Comes in: something that makes a page. Goes out: a file, and a line that says where it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def show_page(make: Callable[[], Any], out: str | None, open_page: bool) -> None:
    """Write a page, say where it is, and open it if asked."""
    from pathlib import Path

    from lossmith.report.loss_page.page import refuse_taken, shown_in_browser

    if out is not None:
        refuse_taken(Path(out))
    made = make()
    place = made.kept() if out is None else made.save(out)
    print(f"The page is in {place}")
    if open_page and not shown_in_browser(place):
        print("There is no browser to open here: open that file in one.")
