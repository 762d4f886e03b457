"""Mutants in JAX: functions that `jax.grad` differentiates, each with one fault.

Comes in: nothing. Goes out: `MUTANTS`. Each function makes one loss, and imports JAX for it: a test that calls one is
marked with `pytest.mark.peers`.
"""

from __future__ import annotations

from tests.checking.corpus.record import BINARY, CLASSES, FOCAL, SQUARED, loss, made


def bce_where_overflows():
    import jax.numpy as jnp

    def bce(logits, labels):
        softplus = jnp.where(logits > 30, logits, jnp.log(1 + jnp.exp(logits)))
        return jnp.mean(softplus - labels * logits)

    return bce


def bce_clipped():
    import jax
    import jax.numpy as jnp

    def bce(logits, labels):
        p = jnp.clip(jax.nn.sigmoid(logits), 1e-6, 1 - 1e-6)
        return -jnp.mean(labels * jnp.log(p) + (1 - labels) * jnp.log(1 - p))

    return bce


def bce_sigmoid_twice():
    import optax

    def bce(probs, labels):
        return optax.sigmoid_binary_cross_entropy(probs, labels).mean()

    return bce


def focal_stopped():
    import jax
    import jax.numpy as jnp

    def focal(logits, labels, gamma=2.0):
        ce = jnp.logaddexp(0, logits) - labels * logits
        return jnp.mean(jax.lax.stop_gradient((1 - jnp.exp(-ce)) ** gamma) * ce)

    return focal


def bce_own_slope():
    import jax
    import jax.numpy as jnp

    @jax.custom_vjp
    def each(logits, labels):
        return jnp.logaddexp(0, logits) - labels * logits

    def forward(logits, labels):
        return each(logits, labels), (logits, labels)

    def backward(kept, g):
        logits, labels = kept
        return g * (labels - jax.nn.sigmoid(logits)), jnp.zeros_like(labels)

    each.defvjp(forward, backward)

    def bce(logits, labels):
        return jnp.mean(each(logits, labels))

    return bce


def squared_column():
    import jax.numpy as jnp

    def squared(y_pred, y_true):
        return jnp.mean((y_pred - y_true[:, None]) ** 2)

    return squared


def distance_at_zero():
    import jax.numpy as jnp

    def rmse(y_pred, y_true):
        return jnp.sqrt(jnp.mean((y_pred - y_true) ** 2))

    return rmse


def quantile_swapped():
    import jax.numpy as jnp

    def pinball(y_pred, y_true, level=0.9):
        e = y_pred - y_true
        return jnp.mean(jnp.maximum(level * e, (level - 1) * e))

    return pinball


def weights_squared():
    import jax.numpy as jnp

    def squared(y_pred, y_true, sample_weight=None):
        w = jnp.ones_like(y_pred) if sample_weight is None else sample_weight
        return jnp.sum(w * w * (y_pred - y_true) ** 2) / jnp.sum(w)

    return squared


def softmax_over_rows():
    import jax
    import jax.numpy as jnp

    def ce(logits, labels):
        return -jnp.mean(jnp.sum(labels * jax.nn.log_softmax(logits, axis=0), axis=1))

    return ce


def cross_entropy_by_classes():
    import jax
    import jax.numpy as jnp

    def ce(logits, labels):
        return -jnp.mean(labels * jax.nn.log_softmax(logits))

    return ce


def softmax_twice():
    import jax
    import optax

    def ce(logits, labels):
        return optax.softmax_cross_entropy(jax.nn.softmax(logits), labels).mean()

    return ce


P, RAW = {"takes": "probability"}, {"takes": "raw"}

MUTANTS = made(
    ("BCE, where over an overflow", bce_where_overflows, "nan_region|overflow_region", BINARY | RAW),
    ("BCE, clipped", bce_clipped, "dead_gradient", BINARY | RAW),
    ("BCE, sigmoid of a probability", bce_sigmoid_twice, "probabilities_taken_for_logits", BINARY | P),
    ("focal, modulator stopped", focal_stopped, "detached", {"kind": "binary", "reference": FOCAL} | RAW),
    ("BCE, own slope with the wrong sign", bce_own_slope, "gradient_sign", BINARY | RAW),
    ("squared, a column against a row", squared_column, "broadcasting", SQUARED),
    ("root of the mean at zero", distance_at_zero, "nan_at_perfect|nan_region", {"kind": "real", "reference": "rmse"}),
    ("quantile, sides swapped", quantile_swapped, "alpha_swapped|arguments_swapped",
     {"kind": "real", "reference": loss("quantile", level=0.9)}),
    ("squared, weights squared", weights_squared, "weights_twice", SQUARED),
    ("softmax over rows", softmax_over_rows, "axis", CLASSES | RAW),
    ("mean over rows and classes", cross_entropy_by_classes, "denominator|axis|value_factor", CLASSES | RAW),
    ("softmax twice", softmax_twice, "probabilities_taken_for_logits", CLASSES | RAW),
    source="jax",
)  # fmt: skip
