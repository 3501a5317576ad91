"""Turns rows into the batches of one round: the same rows in the same order for the same seed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from tokenizers import Tokenizer

from detectors.checks.classifier import ANSWER_MARK
from detectors.contract.labels import CLASSIFIER_LABELS, HARM
from training.augment import varied
from training.compose import Pools, compose
from training.configuration import Config
from training.data import Example
from training.sources import ANSWER

COLUMNS = (*CLASSIFIER_LABELS, HARM)


@dataclass(frozen=True, slots=True)
class Batch:
    """``ids`` and ``attention`` are (rows, tokens); ``targets`` and ``known`` (rows, columns)."""

    ids: torch.Tensor
    attention: torch.Tensor
    targets: torch.Tensor
    known: torch.Tensor
    weights: torch.Tensor


def round_examples(
    train: Sequence[Example], pools: Pools, config: Config, number: int
) -> list[Example]:
    """The rows of one round, as they will be read: drawn, composed and varied."""
    rng = random.Random(f"{config.seed}-{number}")
    drawn = [e for e in train if e.always or rng.random() < config.public_rate]
    drawn += compose(pools, rng, config.composed_per_round)
    return [replace(e, text=varied(e.text, e.surface, rng)) for e in drawn]


def round_batches(
    examples: Sequence[Example], tokenizer: Tokenizer, config: Config, number: int
) -> list[Batch]:
    """Batches of at most ``batch_tokens`` padded tokens, alike in length, in shuffled order."""
    rng = random.Random(f"{config.seed}-{number}-order")
    mark = mark_of(tokenizer)
    encoded = [
        marked(_window(encoding.ids, example, config.train_tokens, rng), example, mark)
        for encoding, example in zip(
            tokenizer.encode_batch([e.text for e in examples]), examples, strict=True
        )
    ]
    order = sorted(range(len(examples)), key=lambda i: len(encoded[i]) + rng.random() * 4)
    batches = [
        collate([encoded[i] for i in part], [examples[i] for i in part])
        for part in _parts(order, [len(ids) for ids in encoded], config.batch_tokens)
    ]
    rng.shuffle(batches)
    return batches


def collate(encoded: Sequence[Sequence[int]], examples: Sequence[Example]) -> Batch:
    """One padded batch. An unlabelled column has ``known`` 0 and never counts."""
    width = max(len(ids) for ids in encoded)
    ids = torch.zeros(len(encoded), width, dtype=torch.long)
    attention = torch.zeros_like(ids)
    targets = torch.zeros(len(encoded), len(COLUMNS))
    known = torch.zeros_like(targets)
    for row, (tokens, example) in enumerate(zip(encoded, examples, strict=True)):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        attention[row, : len(tokens)] = 1
        for column, label in enumerate(COLUMNS):
            if label in example.targets:
                targets[row, column] = example.targets[label]
                known[row, column] = 1
    weights = torch.tensor([e.weight for e in examples])
    return Batch(ids=ids, attention=attention, targets=targets, known=known, weights=weights)


def mark_of(tokenizer: Tokenizer) -> int:
    """The token before a model's own words. Raises ValueError if the vocabulary lacks it."""
    mark = tokenizer.token_to_id(ANSWER_MARK)
    if mark is None:
        raise ValueError(f"the vocabulary lacks {ANSWER_MARK}")
    return int(mark)


def marked(ids: list[int], example: Example, mark: int) -> list[int]:
    """A model's own words begin with a mark, since a statement is no question."""
    return [ids[0], mark, *ids[1:]] if example.surface == ANSWER else ids


def _window(ids: list[int], example: Example, size: int, rng: random.Random) -> list[int]:
    """One window of a long text. An offence mostly shows at the head; harmless text, anywhere."""
    if len(ids) <= size:
        return ids
    inner = size - 2
    last = len(ids) - 2 - inner
    if any(example.targets.values()):
        start = rng.choice((0, 0, 0, last, rng.randint(0, last)))
    else:
        start = rng.choice((0, rng.randint(0, last)))
    return [ids[0], *ids[1 + start : 1 + start + inner], ids[-1]]


def _parts(order: Sequence[int], lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    part: list[int] = []
    width = 0
    for index in order:
        width = max(width, lengths[index])
        if part and width * (len(part) + 1) > budget:
            yield part
            part, width = [], lengths[index]
        part.append(index)
    if part:
        yield part
