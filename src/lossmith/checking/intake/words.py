"""The words by which functions say what they take: names of arguments, and words in the names of losses.

Comes in: nothing. Goes out: tables. What a word says is an assumption, and the verdict tells it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

Role: TypeAlias = Literal["target", "raw", "probability", "prediction", "weight", "dataset", "name"]

_ROLES: Final[Mapping[Role, str]] = {
    "target": "y t true truth y_true ytrue target targets label labels y_t actual actuals obs observed gt ground_truth "
    "expected y_actual trues y_target onehot one_hot y_onehot",
    "raw": "z raw raw_prediction raw_predictions raw_pred raw_preds logit logits y_logits y_logit score scores raw_score "
    "margin margins eta f log_rate log_mean zs",
    "probability": "p prob probs proba probas probability probabilities y_prob y_proba p_pred p_hat phat ps mu q rate "
    "lam predicted_probability",
    "prediction": "y_pred ypred pred preds prediction predictions predt yhat y_hat output outputs input inputs approx "
    "approxes out predicted y_predicted u x a predictions_raw",
    "weight": "w weight weights sample_weight sample_weights",
    "dataset": "dtrain train_data dataset dmatrix train_set eval_data dvalid lgb_train d_train dtest eval_set train_dataset",
}
ROLES: Final[Mapping[str, Role]] = MappingProxyType(
    {word: role for role, text in _ROLES.items() for word in text.split()}
)
"""What an argument of this name is."""

_KINDS: Final[tuple[tuple[str, str], ...]] = (
    ("count", "poisson poissonnllloss counts"),
    ("class", "multiclass multi_class softmax softmaxed categorical mlogloss cce nll_loss nllloss multilogloss"),
    ("class", "crossentropyloss kullback kl kldivloss"),
    (
        "binary",
        "binary bce logloss log_loss logistic sigmoid bcewithlogitsloss bceloss focal dice tversky jaccard brier",
    ),
    ("binary", "hinge fraud"),
    ("positive", "gamma_deviance gammadeviance gammadev rmsle msle squared_log lognormal"),
    ("nonnegative", "tweedie"),
    (
        "real",
        "mse mae rmse huber quantile pinball logcosh log_cosh expectile l1 l2 squared absolute smooth_l1 regression",
    ),
    ("real", "l1loss mseloss smoothl1loss huberloss squarederror charbonnier cauchy tukey mape smape"),
)
KIND_WORDS: Final[Mapping[str, str]] = MappingProxyType({word: kind for kind, text in _KINDS for word in text.split()})
"""The kind of target that a word in the name of a loss stands for."""

TAKES_WORDS: Final[Mapping[str, Literal["raw", "probability"]]] = MappingProxyType(
    {
        **dict.fromkeys(("logits", "with_logits", "bcewithlogitsloss", "crossentropyloss", "raw"), "raw"),
        **dict.fromkeys(("bceloss", "from_probs", "on_probabilities"), "probability"),
    }
)
"""What a word in the name of a loss says of the prediction that it takes."""

OF_CLASSES: Final = frozenset(
    {"softmax", "log_softmax", "logsumexp", "one_hot", "argmax", "eye", "axis", "dim", "get_dummies", "num_class"}
    | {"n_classes", "num_classes", "NUM_CLASS", "N_CLASSES", "NUM_CLASSES", "K", "n_class"}
)
"""Words in the code of a function that mostly stand where a row has several numbers."""

GRADIENT_WORDS: Final = frozenset(
    {"grad", "grads", "gradient", "gradients", "deriv", "derivative", "slope", "dx", "dz", "dp", "dldz", "prime", "jac"}
)
VALUE_WORDS: Final = frozenset(
    {"value", "loss_and", "cost_and", "with_grad", "with_gradient", "and_grad", "and_gradient"}
)
"""Words in the name of a function that say what it returns: a derivative; a value before it."""

LABELS: Final = ("get_label",)
"""What the second argument of an objective of LightGBM or XGBoost is asked for."""
