"""What holds before any test is collected: one thread for products of matrices, and which files are looked at for examples.

Matrices of tests are small, and tests run side by side: more threads would only wait for each other. Examples in the files of
a framework are looked at only where it is installed.
"""

import os
from importlib.util import find_spec

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(threads, "1")

collect_ignore_glob = (
    [] if find_spec("torch") else ["src/lossmith/adapt/in_torch/*", "src/lossmith/emit/torch_prelude.py"]
)
