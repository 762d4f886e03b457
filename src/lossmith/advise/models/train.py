"""Train the same model under each loss, fold by fold: candidates and encoded rows come in, predictions go out."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.advise.data.split import Fold, Rows, Split
from lossmith.advise.models.candidate import Candidate, loss_of
from lossmith.advise.models.model import Boosted, Linear, Model, Prediction, Several, own_objective
from lossmith.advise.models.plan import MANY_ROWS, Plan, cores, model_settings
from lossmith.errors import DataError, LossmithError

if TYPE_CHECKING:
    from lossmith.loss import Loss

Floats = NDArray[np.float64]
Step = Callable[[str, float], None]


@dataclass(frozen=True)
class Material:
    """All rows, encoded: `matrix` (n, p), targets, weights and what an error in each costs (n,)."""

    matrix: Floats
    categorical: tuple[int, ...]
    y: Floats
    kind: str
    classes: int = 0
    weight: Floats | None = None
    row_costs: Floats | None = None

    def weights(self, rows: Rows, by_cost: bool) -> Floats | None:
        """What these rows weigh in training: their weight, times what an error in them costs if asked for."""
        parts = [w[rows] for w in (self.weight, self.row_costs if by_cost else None) if w is not None]
        return None if not parts else np.prod(parts, axis=0)


@dataclass(frozen=True)
class Task:
    """One training: rows to fit, rows that say when to stop (None: just so many `rounds`)."""

    candidate: Candidate
    material: Material
    fit: Rows
    stop: Rows | None
    plan: Plan
    rounds: int
    seed: int = 0
    on_round: Callable[[], None] = lambda: None

    def rows(self, which: Rows) -> tuple[Floats, Floats, Floats | None]:
        """Matrix, targets and weights of some rows."""
        m = self.material
        return m.matrix[which], m.y[which], m.weights(which, self.candidate.by_cost)


@dataclass(frozen=True)
class Run:
    """What one fold's model says of its rows to tune and to compare."""

    model: Model
    tune: Prediction
    compare: Prediction
    rounds: int
    seconds: float


@dataclass(frozen=True)
class Trained:
    """A candidate with its loss and one run for each fold."""

    candidate: Candidate
    loss: Loss
    runs: tuple[Run, ...]

    @property
    def link(self) -> str:
        """The map from raw predictions to the target's scale."""
        return self.loss.link

    @property
    def rounds(self) -> int:
        """The middle number of rounds."""
        return int(np.median([run.rounds for run in self.runs]))

    @property
    def seconds(self) -> float:
        """Seconds of training, all folds together."""
        return sum(run.seconds for run in self.runs)


@dataclass(frozen=True)
class Training:
    """What was trained, in how many folds (a time limit ends early), and which candidates could not be, with the reason."""

    trained: tuple[Trained, ...]
    folds: int
    failed: tuple[tuple[Candidate, str], ...] = ()


def train_all(candidates: tuple[Candidate, ...], material: Material, split: Split, plan: Plan, step: Step) -> Training:
    """Train every candidate in every fold; one that refuses the data is left out, but not the default.

    The first fold is always done, whatever the time limit. Raises what the default raises.
    """
    jobs = [(fold, place) for fold in range(len(split.folds)) for place in range(len(candidates))]
    done: dict[tuple[int, int], Run] = {}
    failed: dict[int, str] = {}
    for number, (job, run) in enumerate(_each(jobs, candidates, material, split, plan), start=1):
        if isinstance(run, Run):
            done[job] = run
        else:
            failed.setdefault(job[1], run.sentence)
        step(f"training under {candidates[job[1]].loss_name}", number / len(jobs))
    kept = [place for place in range(len(candidates)) if place not in failed]
    whole = next((f for f in range(len(split.folds)) if any((f, p) not in done for p in kept)), len(split.folds))
    trained = tuple(
        Trained(candidates[place], loss_of(candidates[place]), tuple(done[fold, place] for fold in range(whole)))
        for place in kept
    )
    return Training(trained, whole, tuple((candidates[place], why) for place, why in failed.items()))


def _each(
    jobs: list[tuple[int, int]], candidates: tuple[Candidate, ...], material: Material, split: Split, plan: Plan
) -> Iterator[tuple[tuple[int, int], Run | LossmithError]]:
    """Do the jobs, a few at a time; after the deadline start none. Ctrl-C ends those that run at their next round."""
    workers = 1 if len(material.y) >= MANY_ROWS else max(1, min(cores(), 4))
    ended = threading.Event()

    def work(job: tuple[int, int]) -> Run | LossmithError:
        fold, place = job
        try:
            return _run(candidates[place], material, split.folds[fold], plan, fold, lambda: _go_on(ended))
        except LossmithError as error:
            if candidates[place].is_default:
                raise
            return error

    waiting, running = list(jobs), dict[Future[Run | LossmithError], tuple[int, int]]()
    with ThreadPoolExecutor(workers) as pool:
        try:
            while waiting or running:
                while waiting and len(running) < workers and not (plan.is_over and waiting[0][0] > 0):
                    job = waiting.pop(0)
                    running[pool.submit(work, job)] = job
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
        except BaseException:
            ended.set()
            raise


class _EndedError(Exception):
    """The study was stopped while this training ran."""


def _go_on(ended: threading.Event) -> None:
    if ended.is_set():
        raise _EndedError


def _run(
    candidate: Candidate, material: Material, fold: Fold, plan: Plan, number: int, on_round: Callable[[], None]
) -> Run:
    began = time.perf_counter()
    _check_classes(candidate, material, fold)
    task = Task(candidate, material, fold.fit, fold.stop, plan, plan.rounds, plan.seed + number, on_round)
    model, rounds = train(task)
    tune, compare = (model.predict(material.matrix[rows]) for rows in (fold.tune, fold.compare))
    return Run(model, tune, compare, rounds, time.perf_counter() - began)


def _check_classes(candidate: Candidate, material: Material, fold: Fold) -> None:
    """A loss of classes can learn no class that its rows do not hold."""
    declared = loss_of(candidate).definition.declaration
    if declared.has_classes and len(np.unique(material.y[fold.fit])) < material.classes:
        raise DataError("LM545", "the rows to learn from lack a class or grade in some fold.")


def refit(trained: Trained, material: Material, rows: Rows, plan: Plan) -> Model:
    """Train the candidate on all these rows, for the middle number of rounds of its folds."""
    candidate = trained.candidate
    if plan.model == "linear" and not candidate.own:
        return _refit_linear(trained, material, rows)
    return train(Task(candidate, material, rows, None, plan, max(trained.rounds, 1), plan.seed))[0]


def train(task: Task) -> tuple[Model, int]:
    """Train one model; for a candidate of several levels one after the other."""
    if task.candidate.levels:
        each = [train(part) for part in _levels(task)]
        return Several(tuple(model for model, _ in each)), int(np.median([rounds for _, rounds in each]))
    name = "own" if task.candidate.own else task.plan.model
    return TRAINERS[name](task)


def _levels(task: Task) -> Iterator[Task]:
    from dataclasses import replace

    for level in task.candidate.levels:
        one = replace(task.candidate, parameters={"level": level}, levels=())
        yield replace(task, candidate=one)


def _boosted(task: Task) -> tuple[Model, int]:
    from lossmith.adapt.in_lightgbm import for_lightgbm

    loss = loss_of(task.candidate).using("numba", 1)  # trainings run side by side, each on one thread
    columns = _extra(task.candidate, task.material, task.fit)
    X, y, weight = task.rows(task.fit)
    valid: tuple[Any, ...] | None = None
    if task.stop is not None:
        valid = (*task.rows(task.stop), _taken(columns, task.stop))
    booster = for_lightgbm(loss, columns=_taken(columns, task.fit)).train(
        X,
        y,
        weight,
        params=model_settings(task.plan.rows, task.seed),
        rounds=task.rounds,
        valid=valid,
        early_stopping_rounds=task.plan.patience if valid is not None else None,
        categorical_feature=list(task.material.categorical),
        on_round=lambda done, value: task.on_round(),
    )
    best = int(booster.best_iteration)
    return Boosted(booster), best if best > 0 else int(booster.current_iteration())


def _taken(columns: Mapping[str, Floats] | None, rows: Rows) -> dict[str, Floats] | None:
    return None if columns is None else {name: values[rows] for name, values in columns.items()}


def _extra(candidate: Candidate, material: Material, fit: Rows) -> Mapping[str, Floats] | None:
    """The extra columns that a loss declares, for all rows: cut points around an ordered grade."""
    if candidate.loss_name != "ordinal":
        return None
    low, high = cut_columns(material.y, cut_points(material.y[fit], material.classes))
    return {"low": low, "high": high}


def cut_points(y: Floats, grades: int) -> Floats:
    """Return the (grades - 1,) cut points of the proportional-odds model without features: logits of the shares.

    >>> cut_points(np.array([0.0, 1.0, 1.0, 2.0]), 3).round(3).tolist()
    [-1.099, 1.099]
    """
    counts = np.bincount(y.astype(np.int64), minlength=grades).astype(np.float64)
    counts = np.where(counts == 0, 0.5, counts)  # a grade that these rows lack still has its place on the line
    below = np.cumsum(counts)[:-1]
    return np.asarray(np.log(below) - np.log(counts.sum() - below))


def cut_columns(y: Floats, cuts: Floats) -> tuple[Floats, Floats]:
    """Return for each row the cut points below and above its grade, infinite at the ends."""
    ends = np.concatenate(([-np.inf], cuts, [np.inf]))
    place = y.astype(np.int64)
    return ends[place], ends[place + 1]


def _own(task: Task) -> tuple[Model, int]:
    """Train with the library's own objective, as one does who does not know Lossmith."""
    import lightgbm

    m, candidate = task.material, task.candidate
    objective = own_objective(candidate.loss_name, candidate.parameters, m.kind, m.classes)
    assert objective is not None
    params = model_settings(task.plan.rows, task.seed) | objective

    def dataset(rows: Rows, reference: Any = None) -> Any:
        X, y, weight = task.rows(rows)
        return lightgbm.Dataset(X, y, weight=weight, categorical_feature=list(m.categorical), reference=reference)

    data = dataset(task.fit)
    if task.stop is None:
        booster = lightgbm.train(params, data, task.rounds)
        return Boosted(booster), task.rounds
    stopping = lightgbm.early_stopping(task.plan.patience, verbose=False)
    told = _tell_round(task)
    booster = lightgbm.train(params, data, task.rounds, [dataset(task.stop, data)], callbacks=[stopping, told])
    return Boosted(booster), max(int(booster.best_iteration), 1)


def _tell_round(task: Task) -> Callable[[Any], None]:
    return lambda environment: task.on_round()


def _linear(task: Task) -> tuple[Model, int]:
    from lossmith.advise.models.linear import train_linear

    assert task.stop is not None
    columns = _extra(task.candidate, task.material, task.fit)
    fitted = train_linear(
        loss_of(task.candidate),
        *task.rows(task.fit),
        *task.rows(task.stop),
        task.material.categorical,
        columns_fit=_taken(columns, task.fit),
        columns_stop=_taken(columns, task.stop),
    )
    return Linear(fitted), 0


def _refit_linear(trained: Trained, material: Material, rows: Rows) -> Model:
    """Refit at the middle one of the penalties that the folds chose, each level by itself."""
    task = Task(trained.candidate, material, rows, None, Plan(len(rows), 1, 0), 0)
    models = [run.model for run in trained.runs]
    if trained.candidate.levels:
        each = zip(*(model.models for model in models if isinstance(model, Several)), strict=True)
        return Several(tuple(_middle(level, task, material, rows) for level in each))
    return _middle(models, task, material, rows)


def _middle(models: Iterable[Model], task: Task, material: Material, rows: Rows) -> Model:
    fitted = sorted((m.fitted for m in models if isinstance(m, Linear)), key=lambda found: found.penalty)
    middle = fitted[len(fitted) // 2]
    columns = _taken(_extra(task.candidate, material, rows), rows)
    return Linear(middle.refit(*task.rows(rows), columns))


TRAINERS: Final[Mapping[str, Callable[[Task], tuple[Model, int]]]] = {
    "boosted": _boosted,
    "linear": _linear,
    "own": _own,
}
