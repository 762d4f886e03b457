"""Every name that a loss has in another library: the very text that pages print is run beside our loss.

Rows are moderate (raw predictions within 3), so a number of either side is off by a few dozen roundings of float64, 1e-14 of
its terms; the bound is 1e-12. Keras on JAX takes its means in float32, whose rounding is 6e-8: 3e-7. A library that keeps
away from 0 by `off` moves log p by off / p, and p is 0.047 or more.
"""

import math
import warnings
from functools import cache
from importlib import import_module

import numpy as np
import pytest

import lossmith as ls
from lossmith.adapt.equivalents import matches, of
from lossmith.adapt.equivalents_rows import ROWS
from lossmith.adapt.lightgbm_steps import builtin_of
from lossmith.adapt.linear import fit_linear
from lossmith.loss.library import get

ROUNDING, IN_SINGLE, PER_OFF = 1e-12, 3e-7, 50.0
N, K, FAR = 40, 3, 3.0
OTHERS = {  # parameter values beside the defaults
    "huber": [{"delta": 2.5}, {"delta": 0.3}],
    "quantile": [{"level": 0.9}],
    "expectile": [{"level": 0.8}],
    "gaussian": [{"scale": 0.5}],
    "laplace": [{"scale": 2.5}],
    "student_t": [{"degrees": 1.0, "scale": 0.7}, {"degrees": 7.5, "scale": 2.0}],
    "logistic": [{"scale": 0.4}],
    "tweedie": [{"power": 1.2}],
    "negative_binomial": [{"dispersion": 0.3}],
    "gamma_likelihood": [{"shape": 3.5}],
    "log_normal": [{"sigma": 0.4}],
    "focal": [{"gamma": 1.5}, {"alpha": 0.25}, {"alpha": 0.8, "gamma": 3.0}],
    "label_smoothed_cross_entropy": [{"epsilon": 0.3}],
    "softmax_focal": [{"gamma": 0.0}, {"gamma": 1.5}],
    "dice": [{"smooth": 0.0}, {"smooth": 5.0}],
    "tversky": [{"alpha": 0.3, "beta": 0.9, "smooth": 2.0}, {"alpha": 0.3, "beta": 0.9, "smooth": 0.0}],
}
DRAWN = {
    "real": lambda random: random.normal(scale=2, size=N),
    "nonnegative": lambda random: random.gamma(1.5, size=N) * (random.random(N) > 0.3),
    "positive": lambda random: random.gamma(1.5, size=N) + 0.01,
    "count": lambda random: random.poisson(2.0, N).astype(float),
    "binary": lambda random: random.integers(0, 2, N).astype(float),
    "class": lambda random: random.permutation(np.arange(N) % K),
    "simplex": lambda random: random.dirichlet(np.full(K, 0.7), N) * 0.97 + 0.01,
}


def cases():
    for name in ls.names():
        for numbers in ({}, *OTHERS.get(name, ())):
            loss = get(name, **numbers).using("numpy")
            yield from ((loss, match) for match in matches(loss))


CASES = list(cases())


def of_libraries(*libraries, relation=None):
    """The rows of some libraries, as parameters of a test."""
    found = [
        (loss, match)
        for loss, match in CASES
        if match.row.library in libraries and relation in (None, match.row.relation)
    ]
    return pytest.mark.parametrize(
        ("loss", "match"), found, ids=[f"{loss.name}: {match.code}" for loss, match in found]
    )


@cache
def drawn(loss, seed=0):
    """Draw targets of the loss's kind, and raw predictions of the shape that it takes."""
    random = np.random.default_rng([seed, *map(ord, loss.target)])
    y = DRAWN[loss.target](random)
    wide = loss.target in ("class", "simplex")
    raw = random.uniform(-FAR, FAR, (N, K) if wide else N)
    if loss.definition.declaration.on == "probability":
        raw = random.dirichlet(np.full(K, 2.0), N) * 0.85 + 0.05
    return y, raw


def assert_same(found, wanted, scale, row, rounding=ROUNDING):
    """Within the bound of this file, of the largest term."""
    bound = (rounding + PER_OFF * row.off) * scale
    np.testing.assert_allclose(np.asarray(found, dtype=np.float64), wanted, rtol=0, atol=bound)


def scale_of(loss, y, raw):
    """Size of what is added up: the largest row, or the number itself where there are no rows."""
    terms = loss.per_example(y, raw) if loss.is_additive else [loss.value(y, raw)]
    return max(1.0, float(np.abs(terms).max()))


def assert_gradient(loss, row, found, y, raw, rounding=ROUNDING):
    wanted = loss.gradient(y, raw)
    assert np.abs(wanted).max() > 0
    if row.relation == "equal on shares":  # it does not see a change of the sum: 1 / N for each class of each row
        found = np.asarray(found) - 1 / N
    assert_same(found, wanted, max(1.0, np.abs(wanted).max()), row, rounding)


# The table ------------------------------------------------------------------------------------------------------------


def test_every_row_of_the_table_is_run_here():
    assert {id(row) for row in ROWS} == {id(match.row) for _, match in CASES}
    known = {"PyTorch", "scikit-learn", "LightGBM", "XGBoost", "optax (JAX)", "JAX", "Keras", "SciPy"}
    assert {row.library for row in ROWS} == known


def test_no_row_fits_twice_and_codes_hold_the_numbers():
    for loss in {loss for loss, _ in CASES}:
        codes = [found.code for found in of(loss)]
        assert len(set(codes)) == len(codes)
        assert not any("{" in code for code in codes)


def test_a_loss_is_known_by_its_formula_at_its_numbers():
    assert of(ls.parse("(y - z)**2", target="real")) == of(get("mse"))
    smooth = "torch.nn.SmoothL1Loss(beta=1)"
    assert [smooth in [found.code for found in of(get("huber", delta=delta))] for delta in (1.0, 2.0)] == [True, False]


@pytest.mark.parametrize(
    "text", ["bce.reweight({1: 20})", "bce.smooth(0.1)", "cross_entropy.ignore(2)", "mse.mask('valid')", "2*mse",
             "bce.temper(2)", "mse.empty('nan')"]
)  # fmt: skip
def test_what_is_done_to_the_rows_leaves_no_equivalent(text):
    assert of(ls.parse(text)) == ()


def test_torch_rows_agree_with_the_table_of_counterparts():
    pytest.importorskip("torch")
    from lossmith.adapt.in_torch.compat import ROWS as COUNTERPARTS

    for row in COUNTERPARTS:
        if row.ours:
            codes = [match.code for match in matches(get(row.ours)) if match.row.library == "PyTorch"]
            assert any(row.name in code for code in codes)


# Numbers --------------------------------------------------------------------------------------------------------------


def number_of(match, **names):
    """Run the text that pages print, and call what it makes where it makes an object."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eval(f"({match.code}){match.row.call}", names)


@pytest.mark.peers("torch", "transformers")
@of_libraries("PyTorch")
def test_pytorch(loss, match):
    import torch

    names = {"torch": torch, "math": math}
    if "transformers" in match.code:
        import transformers.loss.loss_for_object_detection

        names["transformers"] = transformers
    y, raw = drawn(loss)
    given = torch.tensor(raw, requires_grad=True)
    predicted = given if loss.definition.declaration.on == "probability" else ls.for_torch(loss).predict(given)
    found = number_of(match, y_true=torch.tensor(y), raw_prediction=given, y_pred=predicted, **names)
    assert_same(found.item(), loss.value(y, raw), scale_of(loss, y, raw), match.row)
    found.backward()
    assert_gradient(loss, match.row, given.grad, y, raw)


@pytest.mark.peers("torch")
def test_the_root_of_torch_has_no_gradient_at_a_perfect_fit():
    import torch

    match = next(match for loss, match in CASES if loss.name == "rmse" and match.row.library == "PyTorch")
    given = torch.zeros(3, requires_grad=True)
    number_of(match, torch=torch, raw_prediction=given, y_true=torch.zeros(3)).backward()
    assert "NaN" in match.row.note and given.grad.isnan().all()
    assert not get("rmse").gradient([0.0], [0.0]).any()


LINKS = {"identity": lambda jax, z: z, "exp": lambda jax, z: jax.numpy.exp(z),
         "sigmoid": lambda jax, z: jax.nn.sigmoid(z), "softmax": lambda jax, z: jax.nn.softmax(z)}  # fmt: skip


def assert_in_jax(loss, match, rounding=ROUNDING, **names):
    """Value and gradient in JAX, in float64."""
    import jax

    y, raw = drawn(loss)
    with jax.enable_x64(True):
        y_true = jax.numpy.asarray(y)

        def number(z):
            predicted = LINKS[loss.link](jax, z)
            return number_of(match, jax=jax, y_true=y_true, raw_prediction=z, y_pred=predicted, **names).astype(float)

        found, gradient = jax.jit(jax.value_and_grad(number))(jax.numpy.asarray(raw))
    assert_same(found, loss.value(y, raw), scale_of(loss, y, raw), match.row, rounding)
    assert_gradient(loss, match.row, gradient, y, raw, rounding)


@pytest.mark.peers("jax", "optax")
@of_libraries("JAX", "optax (JAX)")
def test_jax_and_optax(loss, match):
    import optax

    import_module("jax.scipy.stats")

    assert_in_jax(loss, match, optax=optax)


@pytest.fixture(scope="module")
def keras(tmp_path_factory):
    """Keras on JAX in float64; it writes a file of settings, for which it is given a folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_BACKEND", "jax")
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        import keras as found

        before = found.config.floatx()
        found.config.set_floatx("float64")
        yield found
        found.config.set_floatx(before)


@pytest.mark.peers("jax", "keras")
@of_libraries("Keras")
def test_keras(loss, match, keras):
    assert_in_jax(loss, match, IN_SINGLE, keras=keras)


@of_libraries("SciPy", "scikit-learn")
def test_scipy_and_scikit_learn(loss, match):
    import scipy.special
    import scipy.stats
    import sklearn.linear_model
    import sklearn.metrics

    names = {"scipy": scipy, "sklearn": sklearn, "numpy": np}
    if match.row.relation == "fits":
        return assert_fits(loss, number_of(match, **names))

    def both(seed):
        y, _ = drawn(loss)
        _, raw = drawn(loss, seed)
        return (
            number_of(match, y_true=y, raw_prediction=raw, y_pred=loss.predict(raw), **names),
            loss.value(y, raw),
            raw,
        )

    (found, wanted, raw), y = both(1), drawn(loss)[0]
    if match.row.relation == "but a term of y":  # then the difference of two predictions is the same
        other = both(2)
        assert abs(found - wanted) > 0.1 > 0.01 * abs(wanted - other[1])
        found, wanted = found - other[0], wanted - other[1]
    return assert_same(found, wanted, scale_of(loss, y, raw), match.row)


def assert_fits(loss, model):
    """Assert that a model reaches the least value of our loss that a linear model has; solvers stop 1e-6 of it above."""
    random = np.random.default_rng(5)
    X, y = random.normal(size=(N, 2)), drawn(loss)[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, y)
    ours = fit_linear(loss, X, y)
    if hasattr(model, "decision_function"):
        raw = model.decision_function(X)
    else:
        raw = np.log(model.predict(X)) if loss.link == "exp" else model.predict(X)
    least = loss.value(
        y, X @ ours.weights[:, 0] + ours.intercept[0] if raw.ndim == 1 else X @ ours.weights + ours.intercept
    )
    constant = loss.value(y, np.broadcast_to(loss.best_constant(y), raw.shape))
    assert constant - least > 1e-3 * abs(constant)
    assert loss.value(y, raw) - least <= 1e-6 * max(1.0, abs(least))


# Boosters -------------------------------------------------------------------------------------------------------------

SHRINKAGE = (4.0, 16.0)
"""Two values of lambda: a leaf of one row is -g / (h + lambda), from which g and h follow. The libraries keep them in float32,
whose 6e-8 is multiplied by (h + 16) / h: below 1e-4 for curvatures above 0.02."""
COPIES = 50
"""LightGBM counts rows by their curvature, so each is there so many times; then lambda counts for one of them."""
OWN = ("objective", "alpha", "tweedie_variance_power", "quantile_alpha")
PAIRS = [([0.3, -0.4], (2, 0)), ([-0.2, 0.9], (1, 0)), ([-0.5, 0.5], (3, 0))]
LOW_HIGH = {"binary": ([1.0, 0.0],), "positive": ([4.0, 0.2],), "class": ([0, 1],), "real": ([3.0, -2.0],)}


def measured(leaves):
    """The gradient and curvature of rows whose leaves are known under both values of lambda."""
    (a, b), (low, high) = leaves, SHRINKAGE
    with np.errstate(invalid="ignore"):  # a class that neither row has makes one leaf of both
        h = (high * b - low * a) / (a - b)
    return -a * (h + low), h


def lightgbm_leaves(objective, y, raw, shrinkage):
    import lightgbm

    params = {**objective, "verbosity": -1, "num_threads": 1, "learning_rate": 1.0, "lambda_l2": COPIES * shrinkage,
              "min_data_in_leaf": 1, "min_data_in_bin": 1, "min_sum_hessian_in_leaf": 0, "boost_from_average": False,
              "num_leaves": 2, "feature_pre_filter": False}  # fmt: skip
    X = np.arange(len(y), dtype=float).reshape(-1, 1)
    many, labels, start = (np.repeat(array, COPIES, axis=0) for array in (X, y, raw))
    data = lightgbm.Dataset(many, labels, init_score=start.ravel(order="F"), params=params)
    return lightgbm.train(params, data, 1).predict(X, raw_score=True)


def xgboost_leaves(objective, y, raw, shrinkage):
    import xgboost

    params = {**objective, "eta": 1.0, "lambda": shrinkage, "min_child_weight": 0, "max_depth": 1, "nthread": 1,
              "verbosity": 0}  # fmt: skip
    X = np.arange(len(y), dtype=float).reshape(-1, 1)
    data = xgboost.DMatrix(X, y, base_margin=raw)
    booster = xgboost.train(params, data, 1)
    plain = xgboost.DMatrix(X, base_margin=np.zeros_like(raw))
    return booster.predict(plain, output_margin=True).astype(np.float64)


def lightgbm_metric(objective, y, raw):
    import lightgbm

    params = {**objective, "verbosity": -1, "num_threads": 1, "learning_rate": 1e-30, "min_data_in_leaf": 1}
    seen = {}
    data = lightgbm.Dataset(np.arange(len(y), dtype=float).reshape(-1, 1), y, init_score=raw, params=params)
    lightgbm.train(params, data, 1, valid_sets=[data], callbacks=[lightgbm.record_evaluation(seen)])
    return next(iter(seen["training"].values()))[0]


def xgboost_metric(objective, y, raw):
    import xgboost

    data, seen = xgboost.DMatrix(np.arange(len(y), dtype=float).reshape(-1, 1), y, base_margin=raw), {}
    xgboost.train(
        {**objective, "eta": 0.0, "verbosity": 0}, data, 1, evals=[(data, "own")], evals_result=seen, verbose_eval=False
    )
    return next(iter(seen["own"].values()))[0]


LEAVES = {"LightGBM": lightgbm_leaves, "XGBoost": xgboost_leaves}
METRICS = {"LightGBM": lightgbm_metric, "XGBoost": xgboost_metric}


def assert_boosts(loss, match, library):
    """Assert what the row says of gradient and curvature; where they are not the hessian's, of the value as well."""
    given, classes = number_of(match, **{library.__name__: library}).get_params(), loss.target == "class"
    objective = {key: given[key] for key in OWN if given.get(key) is not None} | ({"num_class": K} if classes else {})
    if match.bend is None:
        y, raw = (array.astype(np.float32).astype(float) for array in drawn(loss))
        found = METRICS[match.row.library](objective, y, raw)
        assert_same(found, loss.value(y, raw), scale_of(loss, y, raw), match.row, IN_SINGLE)
    for numbers, outcomes in PAIRS:
        y = np.array(LOW_HIGH.get(loss.target, (outcomes,))[0], dtype=float)
        raw = np.array(numbers) if not classes else np.array([[numbers[0], 0.3, 0.1], [numbers[1], -0.2, 0.4]])
        leaves = [LEAVES[match.row.library](objective, y, raw, shrinkage) for shrinkage in SHRINKAGE]
        if match.row.own_leaves:  # of one row each: its residual, whatever lambda is
            np.testing.assert_allclose(leaves, [y - raw] * 2, rtol=1e-6)
            continue
        kept = (slice(None), slice(2)) if classes else slice(None)  # the classes that one row has and the other has not
        found = [part[kept] for part in measured([leaf.reshape(raw.shape) for leaf in leaves])]
        wanted = [part[kept] for part in loss.per_example_gradient_and_hessian(y, raw)]
        np.testing.assert_allclose(found[0], match.slope * wanted[0], rtol=1e-4)
        np.testing.assert_allclose(found[1], curvature_of(loss, match, wanted[1]), rtol=1e-4)


def curvature_of(loss, match, hessian):
    """What a row says of the library's curvature, where ours is this."""
    known = builtin_of(loss) if match.row.library == "LightGBM" else None
    factor = K / (K - 1) if known is not None and known.per_class else 1.0
    return np.ones_like(hessian) if match.bend is None else factor * match.bend * hessian


@of_libraries("LightGBM")
def test_lightgbm(loss, match):
    lightgbm = pytest.importorskip("lightgbm")
    assert_boosts(loss, match, lightgbm)


@pytest.mark.peers("xgboost")
@of_libraries("XGBoost")
def test_xgboost(loss, match):
    import xgboost

    assert_boosts(loss, match, xgboost)
