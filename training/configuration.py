"""The settings of one training run, read from YAML."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import yaml


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """See ``config.yaml`` for what each setting means."""

    version: str
    seed: int
    encoder: str
    rounds: int
    averaged_rounds: list[int]
    public_rate: float
    composed_per_round: int
    dev_composed: int
    train_tokens: int
    window_tokens: int
    overlap_tokens: int
    batch_tokens: int
    learning_rate: float
    embedding_rate: float
    head_rate: float
    warmup: float
    weight_decay: float
    character_least: int
    bf16: bool
    checkpoint_steps: int

    @classmethod
    def read(cls, path: Path) -> Config:
        """Raises ValueError naming a setting that is missing or unknown."""
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        names = {field.name for field in fields(cls)}
        if wrong := names ^ set(content):
            raise ValueError(f"{path.name}: settings missing or not known: {sorted(wrong)}")
        return cls(**content)
