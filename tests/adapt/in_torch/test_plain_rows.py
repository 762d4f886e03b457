"""What weighs, masks, ignores, smooths, groups and chooses rows: tensors are laid out as arrays are."""

from __future__ import annotations

import numpy as np
import pytest

import lossmith as ls
from tests.adapt.in_torch.plain_calls import apart, call_of, expected, tensor_of, three

pytestmark = pytest.mark.peers("torch")

N, K = 8, 3
BOUND = 32  # ulp of float64: the same formulas with one more rounding for each sum and stage
RNG = np.random.default_rng(5)
REAL, BINARY, CLASS = 3 * RNG.normal(size=N), np.resize([1.0, 0.0, 0.0, 1.0, 1.0], N), np.resize([2, 0, 1, 1, 2, 0], N)
SOFT, SHARES = RNG.random(N), RNG.dirichlet(np.ones(K), size=N)
FLAT, WIDE = 2 * RNG.normal(size=N), 2 * RNG.normal(size=(N, K))
IMAGE_TRUE, IMAGE = np.resize(BINARY, (2, 2, 2)), np.random.default_rng(6).normal(size=(2, 2, 2))
COLUMNS = {"price": np.resize([0.5, 1.0, 3.0], N), "kept": np.resize([1.0, 1.0, 0.0], N), "group": np.arange(N) % 3}
HOLES = np.where(np.arange(N) == 3, 7, CLASS)
WEIGHT = np.resize([0.5, 2.0, 0.0, 3.25, 1.0], N)


@ls.define(target="binary", link="sigmoid", per=("group", "class"))
def dice_per_image(y, p, smooth=1.0):
    return 1 - (2 * ls.sum(y * p) + smooth) / (ls.sum(y) + ls.sum(p) + smooth)


CASES = {
    "class weights": lambda: (ls.get("cross_entropy").reweight([1.0, 2.0, 0.5]), CLASS, WIDE, ()),
    "class weights, some": lambda: (ls.get("cross_entropy").reweight({0: 1.0, 2: 4.0}), CLASS, WIDE, ()),
    "class weights, shares": lambda: (ls.get("cross_entropy").reweight([1.0, 0.0, 0.5]), SHARES, WIDE, ()),
    "class weights, two": lambda: (ls.get("log_loss").reweight([1.0, 20.0]), BINARY, FLAT, ()),
    "class weights, soft": lambda: (ls.get("log_loss").reweight([1.0, 20.0]), SOFT, FLAT, ()),
    "balanced": lambda: (ls.get("cross_entropy").reweight("balanced").fit(CLASS), CLASS, WIDE, ()),
    "smoothed": lambda: (ls.get("cross_entropy").smooth(0.1), CLASS, WIDE, ()),
    "smoothed and weighed": lambda: (ls.get("cross_entropy").smooth(0.1).reweight([1.0, 2.0, 3.0]), CLASS, WIDE, ()),
    "smoothed and weighed, two": lambda: (ls.get("log_loss").smooth(0.1).reweight([1.0, 3.0]), BINARY, FLAT, ()),
    "ignored": lambda: (ls.get("cross_entropy").ignore(7), HOLES, WIDE, ()),
    "by a column": lambda: (ls.get("mse").reweight(by="price"), REAL, FLAT, ("price",)),
    "masked": lambda: (ls.get("mse").mask("kept"), REAL, FLAT, ("kept",)),
    "all at once": lambda: (
        ls.get("cross_entropy").ignore(7).smooth(0.2).reweight([1.0, 2.0, 3.0]).reweight(by="price").mask("kept"),
        HOLES, WIDE, ("price", "kept"),
    ),
    "priors": lambda: (ls.get("cross_entropy").adjust().fit(CLASS), CLASS, WIDE, ()),
    "priors, two": lambda: (ls.get("log_loss").adjust().fit(BINARY), BINARY, FLAT, ()),
    "over examples": lambda: (ls.get("log_loss").over("examples"), IMAGE_TRUE, IMAGE, ()),
    "over positives": lambda: (ls.get("focal").over("positives"), BINARY, FLAT, ()),
    "per image": lambda: (dice_per_image, IMAGE_TRUE, IMAGE, ()),
    "per group": lambda: (dice_per_image, BINARY, FLAT, ("group",)),
    "tilted": lambda: (ls.get("mae").tilt(2.0), REAL, FLAT, ()),
    "top": lambda: (ls.get("mae").select(top=3), REAL, FLAT, ()),
    "top of each group": lambda: (ls.get("mae").select(top=2, per="group"), REAL, FLAT, ("group",)),
    "negatives": lambda: (ls.get("log_loss").select(negatives=0.5), BINARY, FLAT, ()),
    "cvar": lambda: (ls.get("mae").cvar(0.3), REAL, FLAT, ()),
}  # fmt: skip


@pytest.mark.parametrize("weighted", [False, True], ids=["alone", "weighted"])
@pytest.mark.parametrize("name", CASES)
def test_rows_count_for_what_they_count_in_the_kernels(name: str, weighted: bool) -> None:
    loss, y, raw, columns = CASES[name]()
    v = np.random.default_rng(1).normal(size=raw.shape)
    given = {column: COLUMNS[column] for column in columns}
    weight = WEIGHT[: len(raw)] if weighted else None
    for found, wanted in zip(
        three(loss, y, raw, v, weight, given), expected(loss, y, raw, v, weight, given), strict=True
    ):
        assert apart(found, wanted) <= BOUND


def test_ties_at_the_border_share_what_is_left() -> None:
    loss, y, raw = ls.get("mae").select(top=3), np.zeros(6), np.array([5.0, 2.0, -2.0, 2.0, 1.0, 0.0])
    found, wanted = three(loss, y, raw, y), expected(loss, y, raw, y)
    assert max(apart(a, b) for a, b in zip(found, wanted, strict=True)) <= 1
    assert found[1].tolist() == pytest.approx([1 / 3, 2 / 9, -2 / 9, 2 / 9, 0.0, 0.0])


def test_a_mask_and_a_group_are_columns() -> None:
    loss, kept = ls.get("mse"), np.array([True, False, True, True, False, True, True, True])
    found = call_of(loss, tensor_of(FLAT), REAL, columns={"mask": kept})
    assert found.item() == pytest.approx(loss.value(REAL[kept], FLAT[kept]), rel=1e-15)


def test_a_weight_of_a_leading_part_is_spread() -> None:
    loss, weight = ls.get("log_loss"), np.array([1.0, 3.0])
    found = call_of(loss, tensor_of(IMAGE), IMAGE_TRUE, weight)
    assert found.item() == pytest.approx(loss.value(IMAGE_TRUE, IMAGE, weight), rel=1e-15)


FAULTS = {
    "a column of ones": ("mse", np.zeros((4, 1)), np.zeros(4), {}, "LM435.*(4, 1).*(4,)"),
    "no class axis": ("cross_entropy", np.zeros(4), np.zeros(4, dtype=int), {}, "LM435.*(4,)"),
    "heads": ("gaussian_heads", np.zeros((4, 3)), np.zeros(4), {}, "LM435.*mean, scale"),
    "weight": ("mse", np.zeros(4), np.zeros(4), {"weight": np.ones(3)}, "LM435.*leading part.*(3,)"),
    "a strange column": ("mse", np.zeros(4), np.zeros(4), {"columns": {"cost": np.ones(4)}}, "LM436.*cost"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_wrong_shape_is_one_sentence(name: str) -> None:
    from tests.properties.cases import gaussian_heads

    which, raw, y, more, words = FAULTS[name]
    loss = gaussian_heads if which == "gaussian_heads" else ls.get(which)
    with pytest.raises(ls.LossmithError, match=words.replace("(", r"\(").replace(")", r"\)")):
        call_of(loss, tensor_of(raw), y, **more)


def test_a_missing_column_or_target_is_named() -> None:
    from tests.properties.cases import exponential_survival

    with pytest.raises(ls.LossmithError, match=r'LM436.*"price" is missing'):
        call_of(ls.get("mse").reweight(by="price"), tensor_of(FLAT), REAL)
    with pytest.raises(ls.LossmithError, match=r"LM436.*time, event"):
        call_of(exponential_survival, tensor_of(FLAT), BINARY)


@pytest.mark.parametrize("design", ["as it is", "weighed", "smoothed"])
def test_a_class_number_that_is_no_class_is_seen_in_a_graph(design: str) -> None:
    """Where numbers cannot be looked at, NaN tells; ignored rows and rows of weight 0 stay absent."""
    import torch

    torch._dynamo.reset()  # it keeps eight forms of one function, and refuses a ninth
    loss = {
        "as it is": ls.get("cross_entropy"),
        "weighed": ls.get("cross_entropy").reweight([1.0, 2.0, 0.5]),
        "smoothed": ls.get("cross_entropy").smooth(0.1),
    }[design].using("numpy")
    z, y = torch.randn(4, 3, dtype=torch.float64), torch.tensor([0, 1, -100, 2])
    compiled = torch.compile(ls.for_torch(loss), backend="eager", fullgraph=True)
    assert compiled(z, y).isnan()
    assert torch.func.grad(ls.for_torch(loss))(z, y)[2].isnan().all()
    kept = ls.for_torch(loss)(z[[0, 1, 3]], y[[0, 1, 3]])
    ignoring = torch.compile(ls.for_torch(loss.ignore(-100)), backend="eager", fullgraph=True)
    assert torch.allclose(ignoring(z, y), kept) and torch.allclose(compiled(z, y, (y >= 0).double()), kept)
