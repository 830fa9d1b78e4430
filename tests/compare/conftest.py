"""Settings that must be made before numpy is loaded."""

import os

# the matrices are small, and threads would only wait for each other
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
