"""Reads pictures by ``rapidocr`` with its own settings; runs where nothing else is installed.

    python -I benchmarks/rapidocr_reader.py THREADS

Each line of standard input is the path of a picture; each line of standard output the milliseconds
that it took, from the file's bytes to its text.
"""

from __future__ import annotations

import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any


def main(threads: int) -> None:
    """Answers until the input ends. Threads are all that is set, beside what it says itself."""
    engine: Any = import_module("rapidocr").RapidOCR(
        params={
            "Global.log_level": "error",
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
        }
    )
    for line in sys.stdin:
        data = Path(line.rstrip("\n")).read_bytes()
        begun = time.perf_counter()
        engine(data)
        print(1000 * (time.perf_counter() - begun), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
