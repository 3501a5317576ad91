"""The gazetteer that ships is the one that its sources give."""

import gzip
from pathlib import Path

from detectors.checks.gazetteer import FILE
from training.gazetteer import write


def test_the_gazetteer_is_made_of_its_sources(tmp_path: Path) -> None:
    made = tmp_path / "names.txt.gz"
    write(made)
    assert gzip.decompress(made.read_bytes()) == gzip.decompress(FILE.read_bytes())
