"""Operation × target: how each plain operation is spelled, or why it cannot be.

Comes in: nothing. Goes out: `spelling(op, target)`; the support table in the documents is printed from `TABLE`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from lossmith.errors import UnsupportedError

Target = Literal["numpy", "numba", "torch", "js"]


@dataclass(frozen=True)
class Unsupported:
    """An empty cell, with its reason."""

    reason: str


def unsupported(reason: str) -> Unsupported:
    """Say why a target lacks an operation."""
    return Unsupported(reason)


Cell = str | Unsupported
_LOOP = unsupported("a loop over the classes, written by the emitter")
_FINISH = unsupported("only finished numbers have it, and they are computed by the NumPy text")

# operation: (numpy, numba, torch, js); {0}, {1}, {2} are the arguments
TABLE: Final[dict[str, tuple[Cell, Cell, Cell, Cell]]] = {
    "add": ("{0} + {1}", "{0} + {1}", "{0} + {1}", "{0} + {1}"),
    "subtract": ("{0} - {1}", "{0} - {1}", "{0} - {1}", "{0} - {1}"),
    "multiply": ("{0} * {1}", "{0} * {1}", "{0} * {1}", "{0} * {1}"),
    "divide": ("np.divide({0}, {1})", "{0} / {1}", "{0} / {1}", "{0} / {1}"),
    "negative": ("-{0}", "-{0}", "-{0}", "-{0}"),
    "power": ("np.power({0}, {1})", "power({0}, {1})", "torch.pow({0}, {1})", "power({0}, {1})"),
    "exp": ("np.exp({0})", "exp({0})", "torch.exp({0})", "Math.exp({0})"),
    "expm1": ("np.expm1({0})", "expm1({0})", "torch.expm1({0})", "Math.expm1({0})"),
    "log": ("np.log({0})", "log({0})", "torch.log({0})", "Math.log({0})"),
    "log1p": ("np.log1p({0})", "log1p({0})", "torch.log1p({0})", "Math.log1p({0})"),
    "log1p_unit": ("np.log1p({0})", "log1p_unit({0})", "torch.log1p({0})", "Math.log1p({0})"),
    "sqrt": ("np.sqrt({0})", "root({0})", "torch.sqrt({0})", "Math.sqrt({0})"),
    "tanh": ("np.tanh({0})", "tanh({0})", "torch.tanh({0})", "Math.tanh({0})"),
    "cosh": ("np.cosh({0})", "cosh({0})", "torch.cosh({0})", "Math.cosh({0})"),
    "sinh": ("np.sinh({0})", "sinh({0})", "torch.sinh({0})", "Math.sinh({0})"),
    "erf": ("_erf({0})", "erf({0})", "torch.erf({0})", "erf({0})"),
    "normal_cdf": ("_normal_cdf({0})", "normal_cdf({0})", "normal_cdf({0})", "normalCdf({0})"),
    "log_normal_cdf": ("_log_normal_cdf({0})", "log_normal_cdf({0})", "log_normal_cdf({0})", "logNormalCdf({0})"),
    "normal_hazard": ("_normal_hazard({0})", "normal_hazard({0})", "normal_hazard({0})", "normalHazard({0})"),
    "normal_gap": ("_normal_gap({0})", "normal_gap({0})", "normal_gap({0})", "normalGap({0})"),
    "lgamma": ("_lgamma({0})", "lgamma({0})", "torch.lgamma({0})", "lgamma({0})"),
    "digamma": ("_digamma({0})", "digamma({0})", "torch.digamma({0})", "digamma({0})"),
    "trigamma": ("_trigamma({0})", unsupported("no vector form yet"), "trigamma({0})", "trigamma({0})"),
    "sin": ("np.sin({0})", "math.sin({0})", "torch.sin({0})", "Math.sin({0})"),
    "cos": ("np.cos({0})", "math.cos({0})", "torch.cos({0})", "Math.cos({0})"),
    "abs": ("np.abs({0})", "magnitude({0})", "torch.abs({0})", "Math.abs({0})"),
    "sign": ("np.sign({0})", "sign({0})", "sign({0})", "Math.sign({0})"),
    "less": ("np.less({0}, {1})", "{0} < {1}", "{0} < {1}", "{0} < {1}"),
    "less_equal": ("np.less_equal({0}, {1})", "{0} <= {1}", "{0} <= {1}", "{0} <= {1}"),
    "equal": ("np.equal({0}, {1})", "{0} == {1}", "{0} == {1}", "{0} === {1}"),
    "logical_and": ("np.logical_and({0}, {1})", "{0} & {1}", "{0} & {1}", "{0} && {1}"),
    "logical_or": ("np.logical_or({0}, {1})", "{0} | {1}", "{0} | {1}", "{0} || {1}"),
    "logical_not": ("np.logical_not({0})", "not {0}", "torch.logical_not({0})", "!{0}"),
    "where": ("np.where({0}, {1}, {2})", "select({0}, {1}, {2})", "select({0}, {1}, {2}, {dtype})", "{0} ? {1} : {2}"),
    "maximum": ("np.maximum({0}, {1})", "maximum({0}, {1})", "maximum({0}, {1})", "Math.max({0}, {1})"),
    "minimum": ("np.minimum({0}, {1})", "minimum({0}, {1})", "minimum({0}, {1})", "Math.min({0}, {1})"),
    "exp_rest": ("_exp_rest({0}, {1})", "exp_rest({0}, {1})", "exp_rest({0}, {1})", "expRest({0}, {1})"),
    "exp_muladd": (
        "_exp_muladd({0}, {1}, {2})",
        "exp_muladd({0}, {1}, {2})",
        "exp_muladd({0}, {1}, {2})",
        "expMuladd({0}, {1}, {2})",
    ),
    "example_sum": (
        "_total({0}, n)",
        unsupported("added up chunk by chunk, outside the loop"),
        "added({0}, rows, {axis!r})",
        "add({into}, {at}, {0})",
    ),
    "rest_of_sum": ("np.zeros_like({0})", _FINISH, "torch.zeros_like({0})", "{0}.lo"),
    "example_count": (
        "_total({0}, n)",
        unsupported("added up chunk by chunk, outside the loop"),
        "added({0}, rows, {axis!r})",
        "add({into}, {at}, {0})",
    ),
    "example_max": (
        "_greatest({0}, n)",
        unsupported("found by the NumPy text"),
        "greatest({0}, rows, {axis!r})",
        "raise({into}, {at}, {0})",
    ),
    "example_logsumexp": (
        "_log_total({0}, n)",
        unsupported("found by the NumPy text"),
        "log_added({0}, rows, {axis!r})",
        "gather({into}, {at}, {0})",
    ),
    "largest": (
        "_largest({0}, {1}, {2}, w, None)",
        unsupported("chosen between two passes, by the NumPy text"),
        "largest({0}, {1}, {2}, {weight}, rows, {axis!r})",
        "chosen({0}, {1}, {2}, rows, {axis})",
    ),
    "class_sum": ("_class_sum({0}, n_classes)", _LOOP, "class_sum({0}, rows)", "{into} += {0}"),
    "class_max": (
        "np.max({0}, axis=1, keepdims=True)",
        _LOOP,
        "torch.amax({0}, dim=1, keepdim=True)",
        "{into} = Math.max({into}, {0})",
    ),
    "class_first_max": ("_first_max({0})", _LOOP, "first_max({0})", "firstMax({0}) === k"),
    "axis_mean": (
        "_axis_mean({0}, {axis!r})",
        _FINISH,
        "axis_mean({0}, {axis!r})",
        "across({0}, G, K, {axis!r}, mean)",
    ),
    "group_count": ("np.float64(n_groups)", _FINISH, "rows.n_groups", "G"),
}

ONE_BY_ONE: Final = frozenset(
    {"erf", "lgamma", "normal_cdf", "log_normal_cdf", "normal_hazard", "normal_gap", "digamma", "sin", "cos"}
)
"""Functions that branch or call the C library in a Numba loop: they take one number, or lane after lane."""

TARGETS: Final[dict[Target, int]] = {"numpy": 0, "numba": 1, "torch": 2, "js": 3}


def spelling(op: str, target: Target) -> str:
    """How the target writes the operation; an error with the reason where it cannot."""
    cell = TABLE[op][TARGETS[target]]
    if isinstance(cell, Unsupported):
        raise UnsupportedError("LM303", f"{op} is not available in {target} kernels: {cell.reason}.")
    return cell


def supports(op: str, target: Target) -> bool:
    """Whether the target has the operation."""
    return not isinstance(TABLE[op][TARGETS[target]], Unsupported)


def number_text(value: float) -> str:
    """A constant as source text, exactly."""
    if value != value or value in (float("inf"), float("-inf")):
        return {"inf": "np.inf", "-inf": "-np.inf"}.get(str(value), "np.nan")
    return repr(value)
