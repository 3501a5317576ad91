"""Foreign sequence-classification model of ``transformers``, its labels mapped to ours.

A text is read in overlapping windows, never cut off, and scores as high as its worst window.
``transformers`` and ``torch`` come with an extra and are imported when a model is loaded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Any, Final, TypeAlias

from tokenizers import Tokenizer

from detectors.checks.label_map import LabelMap, findings
from detectors.checks.windows import Window, overlapping, tokens_of
from detectors.contract.detector import DetectorError, ModelError, SelfCheckError
from detectors.contract.exchange import Origin, TextPart
from detectors.contract.finding import Finding

EXTRA: Final = 'pip install "glassgate[transformers]"'
MOST_CHARACTERS: Final = 600_000
"""Characters of one text, beyond which it is not even cut into tokens."""

Foreign: TypeAlias = Any
"""What belongs to torch and transformers, which may not be there."""

FILES: Final = ("*.json", "*.safetensors", "*.txt", "*.model", "*.py")
"""What is fetched from the hub of a model's files."""

_KNOWN: Final = "How many minutes should I boil an egg?"


class Activation(StrEnum):
    """How outputs become scores: ``softmax`` if exactly one label holds, ``sigmoid`` if any may."""

    SOFTMAX = "softmax"
    SIGMOID = "sigmoid"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSetup:
    """Which model, and how it is read.

    ``model`` is an id on the Hugging Face hub, or a folder. ``window`` counts tokens, special ones
    included; neighbouring windows share ``overlap``. ``remote_code`` lets the model bring Python
    code of its own, which then runs here.
    """

    name: str
    model: str
    labels: LabelMap
    origins: frozenset[Origin]
    activation: Activation = Activation.SOFTMAX
    window: int = 512
    overlap: int = 64
    batch: int = 8
    most_windows: int = 200
    device: str = "cpu"
    revision: str | None = None
    remote_code: bool = False


class SequenceClassifier:
    """A ``Check`` by a model of somebody else's."""

    def __init__(
        self, setup: ModelSetup, version: str, torch: Foreign, tokenizer: Foreign, network: Foreign
    ) -> None:
        """Holds the model to its setup. Raises ``ModelError`` where they do not fit."""
        names = {str(index): name for index, name in sorted(network.config.id2label.items())}
        self.name = setup.name
        self.version = version
        self._labels = setup.labels.hold_to(names)
        self._names = tuple(names.values())
        self._setup = setup
        self._torch = torch
        self._network = network
        self._before, self._after = _frame(tokenizer)
        self._size = setup.window - len(self._before) - len(self._after)
        self._pad: int | None = getattr(network.config, "pad_token_id", None)
        longest = getattr(network.config, "max_position_embeddings", None) or setup.window
        if setup.window > longest:
            raise ModelError(f"`window` is {setup.window}, and the model reads {longest} tokens")
        if setup.overlap >= self._size:
            raise ModelError(f"`overlap` is {setup.overlap}: it must be well below `window`")
        if len(names) == 1 and setup.activation is Activation.SOFTMAX:
            raise ModelError("the model has one output: say `activation: sigmoid`")
        # A copy, for the one inside is told to truncate by whoever calls it.
        self._tokenizer = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    @classmethod
    def load(cls, setup: ModelSetup) -> SequenceClassifier:
        """Loads the model, from its folder, the hub or the hub's cache.

        Raises:
            ModelError: the extra or a file is missing or broken, or setup and model do not fit.
        """
        torch, transformers = _library("torch", setup.name), _library("transformers", setup.name)
        try:
            folder = _folder(setup)
            tokenizer, network = _loaded(setup, folder, torch, transformers)
            version = f"{_fingerprint(folder)}-{_digest(setup)}"
            return cls(setup, version, torch, tokenizer, network)
        except ModelError as error:
            raise ModelError(f"check {setup.name}: {error}") from None
        except Exception as error:  # libraries raise all kinds for a broken file
            said = (str(error).strip().splitlines() or [""])[0][:200]
            raise ModelError(
                f"check {setup.name}: {setup.model} cannot be loaded "
                f"({type(error).__name__}: {said}): it must be a sequence-classification model "
                "with safetensors weights and a tokenizer"
            ) from error

    def judge(self, texts: Sequence[TextPart]) -> Sequence[Sequence[Finding]]:
        """Findings of each text; a text of an origin that is not judged has none.

        Raises:
            DetectorError: a text is too long, or the model's scores are no numbers.
        """
        cut = [self._windows(text) for text in texts]
        scored = iter(self._scores([window for windows in cut for window in windows]))
        return [
            findings(
                text,
                self.name,
                [(next(scored), each.span if len(windows) > 1 else None) for each in windows],
            )
            for text, windows in zip(texts, cut, strict=True)
        ]

    def self_check(self) -> None:
        """Scores a short text, and a window that is full to the last token."""
        short = TextPart(pointer="", origin=min(self._setup.origins), text=_KNOWN)
        tokens = tokens_of(f"{_KNOWN} " * self._size, self._tokenizer)
        try:
            self.judge([short])
            self._scores([tokens.window(0, self._size)])
        except Exception as error:
            raise SelfCheckError(
                f"check {self.name} cannot score a known text ({type(error).__name__}): see "
                "whether its `window` and `device` suit the model"
            ) from error

    def _windows(self, text: TextPart) -> list[Window]:
        if text.origin not in self._setup.origins:
            return []
        if len(text.text) > MOST_CHARACTERS:
            raise DetectorError(
                f"text too long to judge: {len(text.text)} characters, at most {MOST_CHARACTERS}"
            )
        tokens = tokens_of(text.text, self._tokenizer)
        windows = overlapping(tokens, self._size, self._setup.overlap)
        if len(windows) > self._setup.most_windows:
            raise DetectorError(
                f"text too long to judge: {len(windows)} windows, at most "
                f"{self._setup.most_windows}"
            )
        return windows

    def _scores(self, windows: Sequence[Window]) -> list[dict[str, float]]:
        """Our label → score, for each window; those of like length are scored together."""
        exclusive = self._setup.activation is Activation.SOFTMAX
        order = sorted(range(len(windows)), key=lambda index: len(windows[index].ids))
        size = 1 if self._pad is None else self._setup.batch
        found: dict[int, dict[str, float]] = {}
        for start in range(0, len(order), size):
            batch = order[start : start + size]
            for index, row in zip(batch, self._outputs([windows[i] for i in batch]), strict=True):
                outputs = dict(zip(self._names, row, strict=True))
                found[index] = self._labels.ours(outputs, exclusive=exclusive)
        return [found[index] for index in range(len(windows))]

    def _outputs(self, windows: Sequence[Window]) -> Iterator[list[float]]:
        torch = self._torch
        rows = [[*self._before, *window.ids, *self._after] for window in windows]
        longest = max(map(len, rows))
        pad = self._pad if self._pad is not None else 0
        ids = [[*row, *[pad] * (longest - len(row))] for row in rows]
        mask = [[1] * len(row) + [0] * (longest - len(row)) for row in rows]
        with torch.inference_mode():
            logits = self._network(
                input_ids=torch.tensor(ids, device=self._setup.device),
                attention_mask=torch.tensor(mask, device=self._setup.device),
            ).logits.float()
            exclusive = self._setup.activation is Activation.SOFTMAX
            scores = logits.softmax(-1) if exclusive else logits.sigmoid()
            if not bool(torch.isfinite(scores).all()):
                raise DetectorError("the model's scores are no numbers")
        yield from scores.tolist()


def _library(name: str, check: str) -> Foreign:
    try:
        return import_module(name)
    except ImportError:
        raise ModelError(f"check {check} needs {name}: {EXTRA}") from None


def _loaded(
    setup: ModelSetup, folder: Path, torch: Foreign, transformers: Foreign
) -> tuple[Foreign, Foreign]:
    """The tokenizer and the network. A weight that the files lack would be a random one."""
    if setup.device.startswith("cuda") and not torch.cuda.is_available():
        raise ModelError(f"`device` is {setup.device}, and torch finds no GPU: say `device: cpu`")
    if setup.device == "cpu":
        torch.set_num_threads(1)
    code = setup.remote_code
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, trust_remote_code=code)
    if not tokenizer.is_fast:
        raise ModelError("the model has no fast tokenizer (tokenizer.json)")
    network, loading = transformers.AutoModelForSequenceClassification.from_pretrained(
        folder,
        dtype=torch.float32,
        use_safetensors=True,
        output_loading_info=True,
        trust_remote_code=code,
    )
    if absent := [*loading["missing_keys"], *loading["mismatched_keys"]]:
        raise ModelError(
            f"the model's files lack {len(absent)} of its weights: it was not trained to classify, "
            "or it brings code of its own (see `remote_code`)"
        )
    return tokenizer, network.to(setup.device).eval()


def _frame(tokenizer: Foreign) -> tuple[list[int], list[int]]:
    """The special tokens that the model is used to before a text, and after it."""
    plain: list[int] = tokenizer(_KNOWN, add_special_tokens=False)["input_ids"]
    whole: list[int] = tokenizer(_KNOWN)["input_ids"]
    for start in range(len(whole) - len(plain) + 1):
        if whole[start : start + len(plain)] == plain:
            return whole[:start], whole[start + len(plain) :]
    raise ModelError("its tokenizer does not put special tokens around a text")


def _folder(setup: ModelSetup) -> Path:
    """Where the model's files are; those of the hub are fetched, or found in its cache."""
    if Path(setup.model).is_dir():
        return Path(setup.model)
    hub = _library("huggingface_hub", setup.name)
    return Path(
        hub.snapshot_download(setup.model, revision=setup.revision, allow_patterns=list(FILES))
    )


def _fingerprint(folder: Path) -> str:
    """A hash of the model's files."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]


def _digest(setup: ModelSetup) -> str:
    """Of all in the setup that findings depend on."""
    counting = {
        "labels": setup.labels.targets,
        "origins": sorted(setup.origins),
        "read": [setup.activation, setup.window, setup.overlap, setup.most_windows],
    }
    return hashlib.sha256(json.dumps(counting, sort_keys=True).encode()).hexdigest()[:8]
