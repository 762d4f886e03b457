"""The arrays a loss takes: shapes are never broadcast, class axes may stand anywhere, every fault is one sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lossmith as ls
from lossmith.errors import LossmithError

RNG = np.random.default_rng(11)


def get(name: str, **parameters: float) -> ls.Loss:
    return ls.get(name, **parameters).using("numpy")


def test_one_column_against_a_row_is_an_error_that_prints_both() -> None:
    for y, raw in ((np.zeros(3), np.zeros((3, 1))), (np.zeros((3, 1)), np.zeros(3))):
        with pytest.raises(LossmithError) as error:
            get("mse").value(y, raw)
        assert "(3,)" in str(error.value)
        assert "(3, 1)" in str(error.value)


def test_a_pointwise_loss_on_a_table_has_an_example_per_number() -> None:
    y, raw = RNG.normal(size=(2, 4, 3))
    assert get("mse").value(y, raw) == get("mse").value(y.ravel(), raw.ravel())
    assert get("mse").gradient(y, raw).shape == (4, 3)
    assert get("mse").per_example(y, raw).shape == (4, 3)


@pytest.mark.parametrize("name", ["cross_entropy", "softmax_focal", "label_smoothed_cross_entropy"])
def test_class_axis_one_of_an_image_is_the_last_axis_of_its_pixels(name: str) -> None:
    raw, y = RNG.normal(size=(2, 3, 4, 5)), RNG.integers(0, 3, size=(2, 4, 5))
    flat = np.moveaxis(raw, 1, -1).reshape(-1, 3)
    loss = get(name)
    assert loss.value(y, raw) == loss.value(y.ravel(), flat)
    gradient = loss.gradient(y, raw)
    assert gradient.shape == raw.shape
    np.testing.assert_array_equal(np.moveaxis(gradient, 1, -1).reshape(-1, 3), loss.gradient(y.ravel(), flat))
    assert loss.per_example(y, raw).shape == (2, 4, 5)


def test_the_class_axis_may_be_the_last() -> None:
    loss = ls.parse("-true_class(log(p))", target="class", link="softmax", class_axis=-1).using("numpy")
    raw, y = RNG.normal(size=(2, 4, 3)), RNG.integers(0, 3, size=(2, 4))
    assert loss.value(y, raw) == get("ce").value(y.ravel(), raw.reshape(-1, 3))
    assert loss.gradient(y, raw).shape == (2, 4, 3)


@pytest.mark.parametrize("name", ["cross_entropy", "softmax_focal", "label_smoothed_cross_entropy"])
def test_hard_labels_equal_one_hot_rows(name: str) -> None:
    y, raw, w = RNG.integers(0, 4, size=30), RNG.normal(size=(30, 4)) * 5, RNG.uniform(size=30)
    one_hot = np.eye(4)[y]
    loss = get(name)
    for weight in (None, w):
        assert loss.value(y, raw, weight) == loss.value(one_hot, raw, weight)
        for a, b in zip(
            loss.per_example_gradient_and_hessian(y, raw, weight),
            loss.per_example_gradient_and_hessian(one_hot.astype(np.float32), raw, weight),
            strict=True,
        ):
            np.testing.assert_array_equal(a, b)


def test_a_soft_target_of_cross_entropy_is_the_mixture_of_hard_ones() -> None:
    raw, q = RNG.normal(size=(5, 3)), RNG.dirichlet(np.ones(3), size=5)
    loss = get("cross_entropy")
    mixed = sum(q[:, k] * loss.per_example(np.full(5, k), raw) for k in range(3))
    np.testing.assert_allclose(loss.per_example(q, raw), mixed, rtol=4e-15)


def test_class_numbers_may_be_floats_and_of_any_integer_type() -> None:
    raw = RNG.normal(size=(3, 3))
    values = {get("ce").value(np.array([0, 2, 1], dtype=t), raw) for t in ("f4", "f8", "i1", "u2", "i8")}
    assert len(values) == 1
    assert get("ce").value(np.array([True, False, True]), raw) == get("ce").value([1, 0, 1], raw)


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a[::-1].copy()[::-1],
        lambda a: np.asfortranarray(a),
        lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
        lambda a: a.astype(a.dtype.newbyteorder()),
    ],
    ids=["negative stride", "column major", "every second", "other byte order"],
)
def test_layout_in_memory_does_not_show(change: Any) -> None:
    y, raw = RNG.integers(0, 3, size=8), RNG.normal(size=(8, 3))
    assert get("ce").value(change(y), change(raw)) == get("ce").value(y, raw)
    np.testing.assert_array_equal(get("ce").gradient(change(y), change(raw)), get("ce").gradient(y, raw))


def test_inputs_may_be_read_only_and_stay_as_they_were() -> None:
    y, raw, w = np.array([1.0, 0.0]), np.array([0.5, np.nan]), np.array([1.0, 0.0])
    for array in (y, raw, w):
        array.setflags(write=False)
    loss = get("log_loss")
    assert np.isfinite(loss.value(y, raw, w))
    loss.gradient(y, raw, w)[0] = 7.0  # a result is the user's own
    assert raw[0] == 0.5


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_outputs_have_the_dtype_of_raw_and_value_is_a_float(dtype: Any) -> None:
    raw, y = np.array([0.5, -1.0], dtype=dtype), np.array([1, 0])
    loss = get("log_loss")
    gradient, hessian = loss.per_example_gradient_and_hessian(y, raw)
    outputs = [
        gradient,
        hessian,
        loss.gradient(y, raw),
        loss.per_example(y, raw),
        loss.hvp(y, raw, raw),
        loss.predict(raw),
    ]
    assert {a.dtype for a in outputs} == {np.dtype(dtype)}
    assert type(loss.value(y, raw)) is float
    exact = loss.per_example_gradient(y, raw.astype(np.float64))
    np.testing.assert_array_equal(gradient, exact.astype(dtype))


def test_whole_numbers_and_lists_become_float64() -> None:
    assert get("mse").gradient([1, 2], [0, 4]).dtype == np.float64
    assert get("mse").gradient(np.array([1, 2]), np.array([0, 4], dtype=np.int8)).tolist() == [-1.0, 2.0]
    assert get("mse").gradient((1,), ([0][0],)).tolist() == [-2.0]


def test_a_weight_spreads_over_the_axes_it_does_not_have() -> None:
    raw, y = RNG.normal(size=(2, 3, 4, 5)), RNG.integers(0, 3, size=(2, 4, 5))
    per_image, per_row = np.array([1.0, 2.0]), RNG.uniform(size=(2, 4))
    loss = get("ce")
    for weight in (per_image, per_row):
        wide = weight.reshape(weight.shape + (1,) * (3 - weight.ndim)) * np.ones((2, 4, 5))
        assert loss.value(y, raw, weight) == loss.value(y, raw, wide)
    with pytest.raises(LossmithError, match=r"LM215.*\(5,\)"):
        loss.value(y, raw, np.ones(5))


def test_a_mask_is_a_weight_of_zero_and_one() -> None:
    y, raw, w = RNG.normal(size=(3, 6))
    w = np.abs(w)
    keep = np.array([True, False, True, True, False, True])
    spoiled = np.where(keep, raw, np.nan)
    loss = get("huber")
    assert loss.value(y, spoiled, columns={"mask": keep}) == loss.value(y[keep], raw[keep])
    assert loss.value(y, spoiled, w, columns={"mask": keep}) == loss.value(y[keep], raw[keep], w[keep])


def test_heads_stand_on_the_last_axis_in_the_order_of_their_declaration() -> None:
    loss = ls.parse("mean**2 + 10*scale", target="real", heads={"mean": "identity", "scale": "exp"}).using("numpy")
    gradient = loss.gradient([0.0, 0.0], [[3.0, 0.0], [0.0, np.log(2.0)]])
    np.testing.assert_allclose(gradient, [[3.0, 5.0], [0.0, 10.0]], rtol=4e-16)
    np.testing.assert_allclose(loss.predict([[3.0, 0.0]]), [[3.0, 1.0]])
    with pytest.raises(LossmithError, match=r"LM211.*mean, scale"):
        loss.value([0.0], [3.0])


def test_several_targets_are_a_mapping() -> None:
    declared = {"target": {"time": "positive", "event": "binary"}, "link": "exp"}
    loss = ls.parse("time*p - event*log(p)", **declared).using("numpy")
    assert loss.value({"time": [2.0], "event": [1]}, [0.0]) == 2.0
    for y in ([1.0], {"time": [1.0]}, None):
        with pytest.raises(LossmithError, match=r"LM214.*time, event"):
            loss.value(y, [0.0])
    with pytest.raises(LossmithError, match=r'LM218.*"time".*row 1'):
        loss.value({"time": [2.0, 0.0], "event": [1, 1]}, [0.0, 0.0])


def test_groups_are_the_first_axis_unless_they_are_given() -> None:
    text, declared = "sum(y*z)/sum(y)", {"target": "positive", "per": ("group", "class")}
    loss = ls.parse(text, **declared).using("numpy")
    y, raw = np.exp(RNG.normal(size=(2, 3, 4))), RNG.normal(size=(2, 3, 4))
    per_image = [np.mean([(y[i, k] * raw[i, k]).sum() / y[i, k].sum() for k in range(3)]) for i in range(2)]
    assert loss.value(y, raw) == pytest.approx(np.mean(per_image), rel=1e-14)
    flat_y, flat_raw = (np.moveaxis(a, 1, -1).reshape(-1, 3) for a in (y, raw))
    ids = np.repeat(["a", "b"], 4)
    with_ids = loss.value(flat_y, flat_raw, columns={"group": np.unique(ids, return_inverse=True)[1]})
    assert with_ids == pytest.approx(np.mean(per_image), rel=1e-14)


FAULTS: list[tuple[str, Any, Any, dict[str, Any], str]] = [
    ("mse", [1.0, 2.0], [1.0], {}, "LM215"),
    ("mse", ["a"], [1.0], {}, "must hold numbers"),
    ("mse", [1.0], ["a"], {}, "LM210"),
    ("mse", [1j], [1.0], {}, "must hold numbers"),
    ("mse", None, [1.0], {}, "must hold numbers"),
    ("mse", [[1.0], [1.0, 2.0]], [1.0, 2.0], {}, "unequal length"),
    ("mse", [np.nan, 1.0, np.nan], [0.0] * 3, {}, "LM218.*nan in row 0.*2 such rows"),
    ("mse", [1.0, np.inf], [0.0] * 2, {}, "LM218.*inf in row 1.*1 such rows"),
    ("poisson", [1.0, -1.0], [0.0] * 2, {}, "LM218.*row 1"),
    ("gamma", [1.0, 0.0], [0.0] * 2, {}, "LM218.*greater than 0.*row 1"),
    ("log_loss", [0, 2, 3], [0.0] * 3, {}, "LM218.*from 0 to 1.*row 1.*2 such rows"),
    ("ce", [0, 3, 5], np.zeros((3, 3)), {}, "LM217.*0 to 2.*3 in row 1.*2 such rows"),
    ("ce", [0, -1], np.zeros((2, 3)), {}, "LM217"),
    ("ce", [0, 0.5], np.zeros((2, 3)), {}, "LM217"),
    ("ce", [0, np.nan], np.zeros((2, 3)), {}, "LM217"),
    ("ce", [[0], [1]], np.zeros((2, 3)), {}, r"LM215.*class indices.*\(2, 1\)"),
    ("ce", [0, 1], np.zeros(2), {}, "LM212.*class axis"),
    ("ce", [[2.0, 0, 0]], np.zeros((1, 3)), {}, "LM218"),
    ("mse", [1.0], [1.0], {"sample_weight": [-1.0]}, "LM219"),
    ("mse", [1.0], [1.0], {"sample_weight": [np.nan]}, "LM219"),
    ("mse", [1.0], [1.0], {"sample_weight": [np.inf]}, "LM219"),
    ("mse", [1.0, 2.0], [1.0, 2.0], {"sample_weight": [1.0]}, "LM215"),
    ("mse", [1.0], [1.0], {"columns": {"maks": [1]}}, 'LM221.*"mask"'),
    ("mse", [1.0], [1.0], {"columns": {"mask": [np.nan]}}, "LM224"),
]


@pytest.mark.parametrize(("name", "y", "raw", "more", "sentence"), FAULTS)
def test_a_fault_is_one_sentence_that_names_it(name: str, y: Any, raw: Any, more: Any, sentence: str) -> None:
    with pytest.raises(LossmithError, match=sentence) as error:
        get(name).value(y, raw, **more)
    assert "\n" not in str(error.value)


def test_a_direction_must_have_the_shape_of_raw() -> None:
    for v in ([1.0], np.ones((2, 1)), ["a", "b"]):
        with pytest.raises(LossmithError, match=r"LM222|LM210"):
            get("mse").hvp([1.0, 2.0], [0.0, 0.0], v)


def test_a_missing_column_is_named() -> None:
    loss = ls.parse("cost*(y - z)**2", target="real", columns=("cost",)).using("numpy")
    with pytest.raises(LossmithError, match=r'LM220.*"cost"'):
        loss.value([1.0], [0.0])


@pytest.mark.parametrize("name", ls.names())
def test_no_rows_and_no_weight_give_zero_and_a_connected_gradient(name: str) -> None:
    loss = get(name)
    y, raw = {
        "class": ([0], [[0.0, 1.0]]),
        "simplex": ([[0.5, 0.5]], [[0.3, 0.7]]),
    }.get(loss.target, ([1.0], [0.5]))
    none_y, none_raw = np.asarray(y)[:0], np.asarray(raw)[:0]
    columns = {"low": [-1.0], "high": [np.inf]} if loss.definition.declaration.columns else {}
    none = {"columns": {key: np.zeros(0) for key in columns}}
    assert loss.value(none_y, none_raw, **none) == 0.0
    assert loss.gradient(none_y, none_raw, **none).shape == none_raw.shape
    assert loss.sums(none_y, none_raw, **none).value() == 0.0
    assert loss.value(y, raw, [0.0], columns=columns) == 0.0
    assert not loss.gradient(y, raw, [0.0], columns=columns).any()
    assert not loss.hvp(y, raw, np.ones_like(np.asarray(raw)), [0.0], columns=columns).any()


def test_a_distribution_must_add_up_to_one() -> None:
    """Rounded by hand is fine; a row of counts is not, unless its weight is 0."""
    loss = ls.get("distribution_cross_entropy").using("numpy")
    p = np.full((2, 3), 1 / 3)
    assert np.isfinite(loss.value([[0.333, 0.333, 0.333], [1, 0, 0]], p))
    with pytest.raises(
        LossmithError, match=r"LM225 .* must add up to 1, found a total of 0\.2 in row 1 \(1 such rows\)"
    ):
        loss.value([[1, 0, 0], [0.1, 0.1, 0.0]], p)
    assert loss.value([[1, 0, 0], [0.1, 0.1, 0.0]], p, [1.0, 0.0]) == pytest.approx(np.log(3))
