"""Random formulas, made of the words that people have."""

from hypothesis import strategies as st

from lossmith import maths as ls
from lossmith.formula.node import OPERATIONS, Node, constant, symbol, walk

Y = symbol("y", "target", ["example", "class"])
Z = symbol("z", "raw", ["example", "class"])
P = symbol("p", "prediction", ["example", "class"])
GAMMA = symbol("gamma", "parameter")

NUMBERS = st.floats(allow_nan=False, allow_infinity=False).map(constant)
SMALL = st.sampled_from([-2.0, -1.0, -0.0, 0.0, 0.5, 1.0, 2.0, 3.0]).map(constant)
LEAVES = st.one_of(st.sampled_from([Y, Z, P, GAMMA]), SMALL, NUMBERS)

CONDITIONAL = {"where", "logical_and", "logical_or", "logical_not"}
WORDS = {
    count: [
        word for name, word in ls.VOCABULARY.items() if word.__code__.co_argcount == count and name not in CONDITIONAL
    ]
    for count in (0, 1, 2, 3)
}
SIGNS = [lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b, lambda a, b: a**b]
COMPARISONS = [lambda a, b: a < b, lambda a, b: a >= b, lambda a, b: a == b, lambda a, b: a != b]
JOINS = [lambda a, b: a & b, lambda a, b: a | b, lambda a, b: ~a]
STEPS = {
    "sign": (SIGNS, "nn", "n"),
    "minus": ([lambda a: -a], "n", "n"),
    "one": (WORDS[1], "n", "n"),
    "two": (WORDS[2], "nn", "n"),
    "three": (WORDS[3], "nnn", "n"),
    "none": (WORDS[0], "", "n"),
    "compare": (COMPARISONS, "nn", "c"),
    "join": (JOINS, "cc", "c"),
    "where": ([ls.where], "cnn", "n"),
}


@st.composite
def formulas(draw: st.DrawFn) -> Node:
    """Three to fifteen steps, each a word or sign over what the steps before have made."""
    made = {"n": draw(st.lists(LEAVES, min_size=1, max_size=4)), "c": [Y > Z]}
    for name in draw(st.lists(st.sampled_from(list(STEPS)), min_size=3, max_size=15)):
        functions, takes, gives = STEPS[name]
        # The first argument is the newest, so that formulas grow deep; the others may be shared.
        arguments = [made[kind][-1] if i == 0 else draw(st.sampled_from(made[kind])) for i, kind in enumerate(takes)]
        made[gives].append(draw(st.sampled_from(functions))(*arguments))
    return made["n"][-1]


FORMULAS = formulas()


def operations(formula: Node) -> set[str]:
    """The names of the operations under a formula that are not leaves."""
    return {node.op for node in walk(formula) if OPERATIONS[node.op].arity}
