import pytest

from service.policy.diff import diff
from service.policy.load import load
from service.policy.model import Mode
from service.policy.reading import BUNDLES
from tests.service.policy.exchanges import Written

BASE = """\
contact: Ask us.
thresholds: {harm: 0.8, hate: 0.5}
headers: [x-team]
lists: {teams: [red, blue]}
allow: [{id: jobs, labels: [harm], phrases: [kill the job], owner: us, reason: r,
  expires: 2027-03-31}]
rules:
  - {id: harm, description: d, stage: request, when: harm >= threshold.harm, action: refuse,
     message: No.}
  - {id: hate, description: d, stage: request, on: [user], when: hate >= threshold.hate,
     action: refuse, message: No.}
  - {id: red, description: d, stage: request, when: "headers['x-team'] in lists.teams",
     action: forward}
select:
  - {id: school, description: d, tenants: [school-*], thresholds: {harm: 0.4}}
"""
CHANGES = [
    (
        "id: jobs",
        "id: tasks",
        ["allow tasks: added, for harm, up to 2027-03-31", "allow jobs: rem"],
    ),
    ("2027-03-31", "2027-04-30", ["allow jobs, expires: `2027-03-31` becomes `2027-04-30`"]),
    ("headers:", "capture: flagged\nheaders:", ["capture of: `none` becomes `flagged`"]),
    ("harm: 0.8", "harm: 0.7", ["threshold harm: 0.8 becomes 0.7, stricter"]),
    ("hate: 0.5", "hate: 0.9", ["threshold hate: 0.5 becomes 0.9, looser"]),
    (
        "action: forward",
        "action: rewrite, edits: [{kind: downscale, longest: 512}]",
        [
            "rule red: the action forward becomes rewrite, stricter",
            "rule red: the edits nothing become downscale to 512",
        ],
    ),
    ("contact: Ask us.", "contact: Ask me.", ["contact: `Ask us.` becomes `Ask me.`"]),
    ("[red, blue]", "[red, green]", ["list teams: 1 texts added, 1 removed"]),
    (
        "on: [user]",
        "on: [user, third_party]",
        ["rule hate: looks at user, third_party, was user"],
    ),
    (
        "hate >= threshold.hate,\n     action: refuse, message: No.",
        "hate >= threshold.hate,\n     action: forward",
        ["rule hate: the action refuse becomes forward, looser", "rule hate: the message: `en` re"],
    ),
    (
        "hate >= threshold.hate,",
        "hate > threshold.hate, mode: shadow, severity: high,",
        [
            "rule hate: another condition: hate >= threshold.hate becomes hate > threshold.hate",
            "rule hate: is in shadow now, and acted",
            "rule hate: severity: `medium` becomes `high`; decides alike",
        ],
    ),
    ("message: No.}", "message: Never.}", ["rule harm: the message: `en` reworded"]),
    ("school-*", "class-*", ["scope school: for tenants class-*, was for tenants school-*"]),
    ("harm: 0.4", "harm: 0.3", ["scope school: threshold harm: 0.4 becomes 0.3, stricter"]),
    (
        "id: red",
        "id: team",
        ["rule team: added; request: forward when", "rule red: removed; it said"],
    ),
]


@pytest.mark.parametrize(("old", "new", "expected"), CHANGES)
def test_a_change_in_words(written: Written, old: str, new: str, expected: list[str]) -> None:
    before = written(BASE).written
    said = diff(before, written(BASE.replace(old, new, 1)).written)
    for each in expected:
        assert any(sentence.startswith(each) for sentence in said), said
    assert diff(before, before) == ()


def test_the_strict_policy_is_stricter_throughout() -> None:
    policies = [load(BUNDLES / f"{name}.yaml").written for name in ("default", "strict")]
    forth, back = diff(*policies), diff(*reversed(policies))
    assert [each for each in forth if each.startswith("threshold") and "stricter" in each]
    assert not [each for each in forth if "looser" in each]
    assert len(forth) == len(back)


def test_a_monitor_only_differs_in_shadow() -> None:
    default = load(BUNDLES / "default.yaml").written
    said = diff(default, load(BUNDLES / "monitor.yaml").written)
    rules = [each for each in said if each.startswith("rule ")]
    assert len(rules) == len([rule for rule in default.rules if rule.mode is Mode.ENFORCE])
    assert all(each.endswith("is in shadow now, and acted") for each in rules)
