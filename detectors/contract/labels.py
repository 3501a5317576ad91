"""The labels that checks may give, named as the field names them.

Hazards are those of the MLCommons AILuminate taxonomy (v1.0, twelve hazards). ``harm`` is the
maximum over the hazards. ``injection`` is OWASP LLM01.
"""

from __future__ import annotations

from typing import Final

INSTRUCTION_LABELS: Final = ("injection", "embedded_instruction", "jailbreak")
HAZARDS: Final = (
    "violent_crimes",
    "non_violent_crimes",
    "sex_related_crimes",
    "child_sexual_exploitation",
    "indiscriminate_weapons",
    "suicide_self_harm",
    "hate",
    "privacy",
    "intellectual_property",
    "defamation",
    "specialized_advice",
    "sexual_content",
)
PHOTO_PRIVACY_LABELS: Final = ("identity", "location", "sensitive_attribute", "appearance")
CLASSIFIER_LABELS: Final = (*INSTRUCTION_LABELS, *HAZARDS, *PHOTO_PRIVACY_LABELS)
HARM: Final = "harm"
DATA_EXFILTRATION: Final = "data_exfiltration"
LABELS: Final = (*CLASSIFIER_LABELS, HARM, DATA_EXFILTRATION)
