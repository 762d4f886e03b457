"""Elements of SVG: names, numbers and words come in, escaped text goes out."""

from __future__ import annotations

from collections.abc import Iterable


def tag(name: str, *inner: str, **attributes: object) -> str:
    """Return an element; `inner` is ready SVG. An underscore in the name of an attribute stands for a hyphen.

    >>> tag("line", x1=0.0, y1=2.26, class_="grid")
    '<line x1="0" y1="2.3" class="grid"/>'
    """
    from markupsafe import escape

    said = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(_value(v))}"' for key, v in attributes.items())
    return f"<{name}{said}>{''.join(inner)}</{name}>" if inner else f"<{name}{said}/>"


def words(text: str, x: float, y: float, kind: str, anchor: str = "start") -> str:
    """Return a line of text that begins, has its middle or ends at a point.

    >>> words("a<b", 1, 2, "tick")
    '<text x="1" y="2" class="tick">a&lt;b</text>'
    """
    from markupsafe import escape

    place = {} if anchor == "start" else {"text_anchor": anchor}
    return tag("text", str(escape(text)), x=x, y=y, class_=kind, **place)


def path(points: Iterable[tuple[float, float]], closed: bool = False) -> str:
    """Return the data of a path through points.

    >>> path([(0, 0), (10, 0.55)])
    'M0 0L10 0.6'
    """
    return "M" + "L".join(f"{short(x)} {short(y)}" for x, y in points) + ("Z" if closed else "")


def short(value: float) -> str:
    """Return a coordinate to a tenth of a unit.

    >>> short(3.0), short(-0.04), short(2.26)
    ('3', '0', '2.3')
    """
    text = f"{value + 0.0:.1f}".removesuffix(".0")
    return "0" if text in ("-0", "") else text


def _value(value: object) -> str:
    return short(value) if isinstance(value, float) else str(value)
