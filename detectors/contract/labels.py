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
LOCATION_COUNTRY: Final = "location_country"
LOCATION_CITY: Final = "location_city"
LOCATION_NEIGHBOURHOOD: Final = "location_neighbourhood"
LOCATION_EXACT: Final = "location_exact"
LOCATION_ADDRESS: Final = "location_address"
LOCATION_COORDINATES: Final = "location_coordinates"
PERSON_NAME: Final = "person_name"
SYSTEM_PROMPT_LEAK: Final = "system_prompt_leak"
UNGROUNDED_QUOTE: Final = "ungrounded_quote"
ANSWER_LABELS: Final = (
    DATA_EXFILTRATION,
    *(LOCATION_COUNTRY, LOCATION_CITY, LOCATION_NEIGHBOURHOOD, LOCATION_EXACT),
    *(LOCATION_ADDRESS, LOCATION_COORDINATES),
    *(PERSON_NAME, SYSTEM_PROMPT_LEAK, UNGROUNDED_QUOTE),
)
"""Labels of a model's own words only."""
LABELS: Final = (*CLASSIFIER_LABELS, HARM, *ANSWER_LABELS)
