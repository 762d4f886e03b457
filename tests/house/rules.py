"""The rules of the house, each a function from a folder to the list of places that break it.

Comes in: the root of a source tree. Goes out: texts `file:line: what is wrong`; an empty list means that all is well.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

LAYERS = (
    *("errors", "numerics", "formula", "maths", "interpret", "calculus", "algebra", "catalogue", "stable", "kernel"),
    *("emit", "build", "runtime", "certificate", "compiler", "loss"),
    *("adapt", "checking", "report", "teach", "advise", "cli", "__main__"),
)
"""A file imports from layers to its left, or from its own folder."""

EVERYWHERE = ("numpy", "flint")
"""What any file may import at its top: small, and in the core."""

AT_TOP = {
    "typer": ("cli/",),
    "numba": ("emit/loopmath.py", "emit/vectormath"),
    "llvmlite": ("emit/vectormath",),
    "torch": ("adapt/in_torch/", "emit/torch_prelude.py", "emit/torch_special.py"),
    "sklearn": ("adapt/in_sklearn/",),
}
"""What some files may import at their top: those are themselves imported inside functions only, as the test of a light
`import lossmith` shows."""

IN_FUNCTIONS = {
    "scipy": ("",),
    "rich": ("cli/", "advise/", "report/"),
    "sympy": ("calculus/sympy_bridge.py",),
    "numba": ("emit/", "build.py", "build/"),
    "llvmlite": ("emit/", "build.py", "build/"),
    "polars": ("adapt/", "advise/"),
    "narwhals": ("adapt/", "advise/"),
    "lightgbm": ("adapt/in_lightgbm", "adapt/lightgbm_", "advise/"),
    "sklearn": ("adapt/in_sklearn/", "advise/", "teach/"),
    "plotly": ("report/",),
    "jinja2": ("report/", "teach/"),
    "markupsafe": ("report/", "teach/"),
    "latex2mathml": ("report/pages/mathml.py",),
    "torch": ("adapt/in_torch/", "checking/intake/in_torch"),
    "torchjd": ("adapt/in_torch/",),
    "jax": ("adapt/in_jax", "checking/intake/in_jax"),
}
"""What may be imported inside functions only, and in which files (by the beginning of their path)."""

FREE = ("__init__.py", "__main__.py")
"""Files that stand outside the layers."""

THROUGH_THE_DOOR = {"loss/": ("show",)}
"""Public names that a file may ask for inside a function, by the beginning of its path: how an object shows itself is made
further to the right."""

STRAY_WORDS = {"pred", "preds", "logit", "logits", "y_hat", "yhat", "score", "scores", "y_score", "y_scores"}
"""Words for which the house has another: raw_prediction, y_pred."""

VAGUE_NAMES = {"util", "utils", "misc", "helpers", "common", "tools"}

MOST_FILE_LINES, MOST_FUNCTION_LINES, MEDIAN_FUNCTION_LINES = 400, 40, 10

FORBIDDEN = tuple("/" + place + "/" for place in ("work", "tmp/" + "venv", "opt/" + "pypi", "root", "home"))
"""Folders of one machine, which mean nothing on another."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def python_files(root: Path) -> Iterator[tuple[Path, ast.Module]]:
    """Parse every Python file below a folder."""
    for path in sorted(root.rglob("*.py")):
        yield path, ast.parse(path.read_text(encoding="utf-8"))


def functions(tree: ast.AST) -> Iterator[Function]:
    """Find every function, methods and inner ones included."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


# Imports -------------------------------------------------------------------------------------------------------


def imports(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Yield line, place ("top", "function" or "typing") and dotted name of each thing imported."""

    def walk(node: ast.AST, place: str) -> Iterator[tuple[int, str, str]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import):
                yield from ((child.lineno, place, alias.name) for alias in child.names)
            elif isinstance(child, ast.ImportFrom):
                module = "." * child.level + (child.module or "")
                yield from ((child.lineno, place, f"{module}.{alias.name}") for alias in child.names)
            else:
                yield from walk(child, _place(child, place))

    return walk(tree, "top")


def _place(node: ast.AST, place: str) -> str:
    if isinstance(node, Function | ast.Lambda):
        return "function"
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
        return "typing"
    return place


def layer_of(parts: tuple[str, ...]) -> str:
    """Return the layer of a path below the package, without its suffix."""
    return parts[0].removesuffix(".py")


def wrong_imports(package: Path) -> list[str]:
    """List imports against the order of layers, and heavy ones outside their places."""
    found = []
    for path, tree in python_files(package):
        inside = path.relative_to(package)
        for line, place, name in imports(tree):
            if why := _complaint(inside, place, name, package.name):
                found.append(f"{inside}:{line}: {why}")
    return found


def _complaint(inside: Path, place: str, name: str, package: str) -> str:
    top, *rest = name.split(".")
    if not top:
        return f"{name}: relative import; write the full name"
    if top == package:
        free = inside.as_posix() in FREE or (place == "function" and rest and _is_door(inside, rest[0]))
        return "" if free else _order_complaint(layer_of(inside.parts), rest)
    if top in sys.stdlib_module_names or top in EVERYWHERE or place == "typing":
        return ""
    if place == "top" and inside.as_posix().startswith(AT_TOP.get(top, ("nowhere",))):
        return ""
    if place == "top":
        return f"{top} at the top of the file; import it in the function that needs it"
    if not inside.as_posix().startswith(IN_FUNCTIONS.get(top, ("nowhere",))):
        return f"{top} is not imported in this file"
    return ""


def _is_door(inside: Path, name: str) -> bool:
    return any(inside.as_posix().startswith(start) and name in names for start, names in THROUGH_THE_DOOR.items())


def _order_complaint(own: str, rest: list[str]) -> str:
    if own not in LAYERS:
        return f"{own} is no layer"
    if not rest or rest[0] not in LAYERS:
        return f"lossmith.{'.'.join(rest)} is no layer"
    return f"{rest[0]} stands to the right of {own}" if LAYERS.index(rest[0]) > LAYERS.index(own) else ""


def peers_without_mark(tests: Path, peers: tuple[str, ...]) -> list[str]:
    """List tests that import another library at their top, or in a function without the mark `peers`."""
    found = []
    for path, tree in python_files(tests):
        marked = "pytest.mark.peers" in path.read_text(encoding="utf-8")
        for line, place, name in imports(tree):
            if name.split(".")[0] in peers and (place == "top" or not marked):
                found.append(f"{path.relative_to(tests)}:{line}: {name}: mark the test with peers, import inside it")
    return found


# Sizes, docstrings, names --------------------------------------------------------------------------------------


def body_lines(function: Function) -> int:
    """Count the lines of a function from `def` on, without its docstring."""
    first = function.body[0]
    is_docstring = ast.get_docstring(function, clean=False) is not None
    docstring = (first.end_lineno or first.lineno) - first.lineno + 1 if is_docstring else 0
    return (function.end_lineno or function.lineno) - function.lineno + 1 - docstring


def oversized(root: Path) -> list[str]:
    """List files and functions that are too long."""
    found = []
    for path, tree in python_files(root):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > MOST_FILE_LINES:
            found.append(f"{path.relative_to(root)}:1: {lines} lines in a file")
        for function in functions(tree):
            if (length := body_lines(function)) > MOST_FUNCTION_LINES:
                found.append(f"{path.relative_to(root)}:{function.lineno}: {length} lines in {function.name}")
    return found


def median_function(root: Path) -> float:
    """Return the median length of the functions below a folder."""
    return median(body_lines(function) for _, tree in python_files(root) for function in functions(tree))


def without_docstring(root: Path) -> list[str]:
    """List files that do not say what they are."""
    return [f"{p.relative_to(root)}:1: no docstring" for p, tree in python_files(root) if not ast.get_docstring(tree)]


def vague_names(root: Path) -> list[str]:
    """List files and folders whose name says nothing."""
    paths = {part for path in root.rglob("*.py") for part in (path, *path.relative_to(root).parents)}
    return sorted(f"{path}: a vague name" for path in paths if path.stem in VAGUE_NAMES)


def stray_words(root: Path) -> list[str]:
    """List arguments of public functions that use another word than the house."""
    found = []
    for path, tree in python_files(root):
        for function in functions(tree):
            arguments = function.args
            names = {a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
            if strays := sorted(names & STRAY_WORDS) if not function.name.startswith("_") else []:
                found.append(f"{path.relative_to(root)}:{function.lineno}: {function.name}({', '.join(strays)})")
    return found


def methods_without_example(path: Path, class_name: str) -> list[str]:
    """List public methods of a class whose docstring shows no call; a property is read, not called."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == class_name]
    methods = [node for found in classes for node in found.body if isinstance(node, Function)]
    public = [m for m in methods if not m.name.startswith("_") and not m.decorator_list]
    return [f"{path.name}:{m.lineno}: {m.name}" for m in public if ">>>" not in (ast.get_docstring(m) or "")]


# Registries and texts ------------------------------------------------------------------------------------------


def unlisted(catalogue: Path, table: str = "LOSSES") -> list[str]:
    """List losses that a family file defines and the one explicit list leaves out."""
    tree = ast.parse((catalogue / "__init__.py").read_text(encoding="utf-8"))
    rows = [node for node in tree.body if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == table]
    listed = {node.id for row in rows for node in ast.walk(row) if isinstance(node, ast.Name)}
    found = []
    for path, family in python_files(catalogue):
        defined = (node for node in family.body if isinstance(node, ast.FunctionDef) and _is_definition(node))
        found += [f"{path.name}:{node.lineno}: {node.name}" for node in defined if node.name not in listed]
    return found


def _is_definition(function: ast.FunctionDef) -> bool:
    return any(ast.unparse(decorator).startswith(("define(", "ls.define(")) for decorator in function.decorator_list)


def tracked_files(root: Path) -> list[Path]:
    """List the files under version control; without it, all files outside hidden folders."""
    answer = subprocess.run(["git", "-C", str(root), "ls-files", "-z"], capture_output=True, text=True, check=False)
    if answer.returncode == 0 and answer.stdout:
        return [path for name in answer.stdout.split("\0") if name and (path := root / name).is_file()]
    hidden = (path for path in root.rglob("*") if path.is_file())
    return [path for path in hidden if not any(part.startswith(".") for part in path.relative_to(root).parts)]


def machine_paths(files: list[Path]) -> list[str]:
    """List lines of text files that name a folder of one machine."""
    found = []
    for path in files:
        if b"\0" in (content := path.read_bytes())[:4096]:
            continue
        for number, line in enumerate(content.decode("utf-8", errors="replace").splitlines(), 1):
            found += [f"{path}:{number}: {bad}" for bad in FORBIDDEN if bad in line]
    return found
