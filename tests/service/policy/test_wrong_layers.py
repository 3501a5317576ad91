"""What can be wrong between files, in lists, messages, thresholds and scopes."""

from pathlib import Path

import pytest

from tests.service.policy.wrong import BASE, RULE, problems, says

# Line 3 is the first that a row writes.
HEAD = "version: 1\ndescription: a test\n"
ON_BASE = HEAD + "extends: [./base.yaml]\n"
# From line 4 on, a scope's fields stand six columns in.
SCOPE = ON_BASE + "select:\n  - id: kiosk\n    description: d\n"
FOR = "    tenants: [a]\n"

WRONG_BASES = [
    ("extends: [defualt]\n", "3:11", "no policy `defualt` ships", "`default`"),
    ("extends: [xyzzy]\n", "3:11", "no policy `xyzzy` ships", "use appearance, default"),
    ("extends: [./bass.yaml]\n", "3:11", "there is no policy file", "`base.yaml`"),
    ("extends: [/nowhere/at/all.yaml]\n", "3:11", "there is no policy file", "as in `./base"),
    ("extends: default\n", "3:10", "must be a list", "brackets"),
    ("extends: [1]\n", "3:11", "must be text", "quotes"),
    ("extend: [default]\n", "3:1", "`extend` is not a field here", "`extends`"),
    ("extends: [./policy.yaml]\n", "3:11", "circle: policy.yaml → policy.yaml", "take one"),
    ("extends: [./ring.yaml]\n", None, "circle: policy.yaml → ring.yaml → policy.yaml", "take"),
    ("extends: [./broken.yaml]\n", None, "broken.yaml:2:1: `rulez` is not a field", "`rules`"),
]
# An entry of an allow-list that nothing is wrong with, but for what a row adds or leaves out.
ENTRY = "id: a, labels: [harm], owner: o, reason: r"
UNTIL = "expires: 2027-03-31"
PHRASE = "phrases: [a phrase]"
WRONG_ALLOWED = [
    (f"{ENTRY}, {PHRASE}", "4:9", "`expires` is missing", "add a line"),
    (f"{ENTRY}, {PHRASE}, expires: soon", "4:84", "`soon` is no day", "2027-03-31"),
    (f"{ENTRY}, {PHRASE}, expires: 20270331x", "4:84", "is no day", "2027-03-31"),
    (f"{ENTRY}, {UNTIL}", "4:9", "says of nothing that it may pass", "`sha256`"),
    (f"{ENTRY}, {UNTIL}, phrases: [kill]", "4:85", "shorter than 6 characters", "more of what"),
    (f"{ENTRY}, {UNTIL}, sha256: [abc]", "4:84", "`abc` is no SHA-256", "sha256sum"),
    (f"{ENTRY}, {UNTIL}, sha256: nobody", "4:83", "there is no list `nobody`", "under `lists`"),
    (f"{ENTRY}, {UNTIL}, sha256: notes", "4:83", "text 1 of the list `notes`", "mend the list"),
    (f"{ENTRY}, {UNTIL}, phrases: notes", "4:84", "text 1 of the list `notes`", "mend the list"),
    (f"id: a, labels: [harn], owner: o, reason: r, {UNTIL}, {PHRASE}", "4:26", "`harn`", "`harm`"),
    (f"{ENTRY}, {PHRASE}, {UNTIL}, ower: me", "4:96", "`ower` is not a field", "`owner`"),
    (
        f"{ENTRY}, {PHRASE}, {UNTIL}}}, {{{ENTRY}, {PHRASE}, {UNTIL}",
        "4:102",
        "id `a` too",
        "own id",
    ),
]
WRONG_HOSTS = [
    ("link_hosts: [Docs.example.com]", "4:14", "`Docs.example.com` is not written", "lower case"),
    ("link_hosts: docs.example.com", "4:13", "must be a list", "in brackets"),
    ("link_hosts: note", "4:13", "there is no list `note`", "`notes`"),
    ("link_hosts: notes", "4:13", "text 2 of the list `notes` is no host", "mend the list"),
]
WRONG_CAPTURES = [
    ("capture: all", "4:10", "`all` is not 'none', 'flagged' or 'sample'", "write"),
    ("capture: sample", "4:10", "`share` is missing", "share: 1%"),
    ("capture: {of: flagged, share: 1%}", "4:10", "`share` is for `of: sample` only", "neither"),
    ("capture: {of: flagged, days: 0}", "4:30", "must be above 0", "above 0"),
    ("capture: {of: sample, share: 200%}", "4:30", "must be between 0 and 1", "from 0 to 1"),
]
WRONG_LAYERS = [
    ("override: [{id: oen, mode: shadow}]\n", "4:17", "no earlier file has a rule `oen`", "`one`"),
    ("override: [{id: xyzzy, mode: shadow}]\n", "4:17", "`xyzzy`", "new rule under `rules`"),
    ("override: [{id: one}]\n", "4:12", "changes nothing", "mode: shadow"),
    ("override: [{id: one, mod: shadow}]\n", "4:22", "`mod` is not a field here", "`mode`"),
    ("override: [{id: one, mode: no}]\n", "4:28", "`no` is not 'enforce' or 'shadow'", "write"),
    ("override: [{id: one, when: harn > 0.5}]\n", "4:28", "'harn'", "`harm`"),
    ("override: [{id: one, action: refuse}]\n", "4:30", "`message` is missing", "refused person"),
    ("disable: [tow]\n", "4:11", "no earlier file has a rule `tow`", "`two`"),
    ("disable: [one, one]\n", "4:16", "no earlier file has a rule `one`", "name a rule"),
    (f"rules: [{RULE}]\n", "4:14", "base.yaml has a rule `one` too", "under `override`"),
    ("thresholds: {hram: 0.5}\n", "4:20", "no rule uses this threshold", "`harm`"),
    ("sensitivity: hihg\n", "4:14", "`hihg` is not 'low', 'medium' or 'high'", "`high`"),
    ("sensitivity: 0.5\n", "4:14", "`0.5` is not 'low'", "write"),
    ("sensitivity: {hram: high}\n", "4:21", "there is no threshold `hram`", "`harm`"),
    ("thresholds: {harm: {low: 0.5}}\n", "4:20", "`medium` is missing", "add a line"),
    ("thresholds: {harm: {lo: 0.5}}\n", "4:21", "`lo` is not a field here", "`low`"),
    (
        "thresholds: {harm: {low: 0.5, medium: 0.6, high: 0.7}}\n",
        "4:20",
        "a higher sensitivity needs a lower threshold",
        "highest number",
    ),
    ("lists: {a: nowhere.txt}\n", "4:12", "nowhere.txt cannot be read: No such file", "write"),
    ("lists: {a: bass.yaml}\n", "4:12", "bass.yaml cannot be read", "`base.yaml`"),
    ("lists: {a: [1]}\n", "4:13", "must be text", "quotes"),
    ("lists: {A: [a]}\n", "4:9", "`A` is not written as a name", "underscores"),
    ("override: [{id: one, when: model in lists.a}]\n", "4:42", "'lists.a'", "add `a` to"),
    ("headers: [X-Team]\n", "4:11", "`X-Team` is not written as a name", "`x-team`"),
    (
        "headers: [x-team]\noverride: [{id: one, when: \"headers['x-taem'] == 'a'\"}]\n",
        "5:29",
        "the policy names no header `x-taem`",
        "`x-team`",
    ),
    ("override: [{id: one, when: headers.team == 'a'}]\n", "4:28", "no header `team`", "add it"),
    ("override: [{id: one, when: score.user.hram > 0.5}]\n", "4:38", "hram", "score.user.harm"),
    ("override: [{id: one, when: score > 0.5}]\n", "4:28", "'score'", "score.third_party.harm"),
    ("override: [{id: one, sample: 10%}]\n", "4:30", "must be a number", "0.5"),
    ("override: [{id: one, sample: 0.0}]\n", "4:30", "must be above 0", "above"),
    ("override: [{id: one, sample: 2.0}]\n", "4:30", "must be between 0 and 1", "0 to 1"),
    ("override: [{id: one, sample: 1:30}]\n", "4:30", "must be a number", "0.5"),
    ("override: [{id: two, message: {es: No.}}]\n", "4:31", "`en` is missing", "English"),
    ("override: [{id: two, message: {en: No., xx: No.}}]\n", "4:41", "`xx` is not 'en'", "write"),
    ("override: [{id: two, message: {en: 1}}]\n", "4:36", "must be text", "quotes"),
    ("fail_open: [OCR]\n", "4:13", "`OCR` is not written as a name", "`classifier`"),
    ("streaming: {window: 5}\n", "4:21", "must be at least 20", "at least 20"),
    ("streaming: {window: 20.5}\n", "4:21", "must be a whole number", "200"),
    ("streaming: {wait_s: 100}\n", "4:21", "must be at most 60", "at most 60"),
    ("description2: a\n", "4:1", "`description2` is not a field here", "`description`"),
    ("may_loosen: [tow]\n", "4:14", "no rule and no threshold `tow`", "`two`"),
]
WRONG_VARIABLES = [
    (
        "contact: 'ask ${GLASSGATE_DES}'\n",
        "4:10",
        "no `GLASSGATE_DES`",
        "`GLASSGATE_DESK`",
    ),
    ("contact: 'ask ${EMPTY_ONE}'\n", "4:10", "the environment has no `EMPTY_ONE`", "EMPTY_ONE"),
    ("contact: 'ask ${A B}'\n", "4:10", "`${A B}` is no variable", "${NAME}"),
    ("contact: 'ask ${A'\n", "4:10", "`${A` is no variable", "${NAME}"),
    ("description3: ${A}\n", "4:15", "`${A}` is not filled in here", "`contact`"),
    ("override: [{id: one, when: \"model == '${A}'\"}]\n", "4:28", "not filled in", "`message`"),
]
WRONG_SCOPES = [
    ("", "5:5", "says of nobody whom it is for", "tenants: [acme-*]"),
    ("    tenants: []\n", "7:14", "must not be empty", "at least one"),
    ("    tenant: [a]\n", "7:5", "`tenant` is not a field here", "`tenants`"),
    (FOR + "    thresholds: {harm: 0.9}\n", "8:24", "from 0.8 to 0.9", "list `harm` under"),
    (FOR + "    sensitivity: low\n", "8:18", "raises the threshold `harm`", "list `harm`"),
    (FOR + "    disable: [two]\n", "8:15", "takes the rule `two` out", "list `two`"),
    (FOR + "    disable: [tow]\n", "8:15", "no earlier file has a rule `tow`", "`two`"),
    (FOR + "    override: [{id: two, mode: shadow}]\n", "8:32", "loosens the `mode`", "as strict"),
    (FOR + "    override: [{id: two, when: images > 9}]\n", "8:32", "loosens the `when`", "`two`"),
    (FOR + "    override: [{id: two, sample: 0.5}]\n", "8:34", "loosens the `sample`", "`two`"),
    (FOR + "    override: [{id: two, action: forward}]\n", "8:34", "loosens the `act", "`two`"),
    (FOR + "    streaming: {}\n", "8:5", "`streaming` is not a field here", "docs/policies.md"),
    (FOR + f"    rules: [{RULE}]\n", "8:18", "base.yaml has a rule `one`", "override"),
    (
        FOR + "  - {id: kiosk, description: d, tenants: [b]}\n",
        "8:10",
        "an earlier scope has the id `kiosk` too",
        "own id",
    ),
    (
        FOR + "    rules: [{id: c, description: d, stage: request, when: hram > 0.5,\n"
        "      action: forward}]\n",
        "8:59",
        "undeclared reference to 'hram'",
        "`harm`",
    ),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "base.yaml").write_text(BASE, encoding="utf-8")
    (tmp_path / "ring.yaml").write_text(HEAD + "extends: [./policy.yaml]\n", encoding="utf-8")
    (tmp_path / "broken.yaml").write_text(
        f"version: 1\nrulez: []\ndescription: d\nrules: [{RULE}]\n", encoding="utf-8"
    )
    return tmp_path / "policy.yaml"


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLASSGATE_DESK", "the desk")
    monkeypatch.setenv("EMPTY_ONE", "")


@pytest.mark.parametrize(("text", "place", "what", "fix"), WRONG_BASES)
def test_a_wrong_base(path: Path, text: str, place: str | None, what: str, fix: str) -> None:
    found = problems(path, HEAD + text)
    if place is None:
        assert len(found) == 1
        assert what in found[0]
        assert fix in found[0].split("Fix: ")[1]
    else:
        assert says(found, path, place, what, fix), "\n".join(found)


@pytest.mark.parametrize(("text", "place", "what", "fix"), WRONG_LAYERS)
def test_a_wrong_layer(path: Path, text: str, place: str, what: str, fix: str) -> None:
    found = problems(path, ON_BASE + text)
    assert says(found, path, place, what, fix), "\n".join(found)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(("text", "place", "what", "fix"), WRONG_VARIABLES)
def test_a_wrong_variable(path: Path, text: str, place: str, what: str, fix: str) -> None:
    found = problems(path, ON_BASE + text)
    assert says(found, path, place, what, fix), "\n".join(found)


@pytest.mark.parametrize(("text", "place", "what", "fix"), WRONG_SCOPES)
def test_a_wrong_scope(path: Path, text: str, place: str, what: str, fix: str) -> None:
    found = problems(path, SCOPE + text)
    assert says(found, path, place, what, fix), "\n".join(found)
    assert len(found) == 1


def test_a_fault_in_a_base_is_said_with_the_bases_name(path: Path) -> None:
    base = "version: 1\ndescription: d\nrules:\n  - " + RULE.replace("complete", "compleet") + "\n"
    found = problems(path, HEAD + "extends: [./own.yaml]\n", {"own.yaml": base})
    assert len(found) == 1
    assert found[0].startswith(f"{path.parent / 'own.yaml'}:4:53: rule one, when: ")


@pytest.mark.parametrize(("entry", "place", "what", "fix"), WRONG_ALLOWED)
def test_a_wrong_entry_of_an_allow_list_is_named(
    tmp_path: Path, entry: str, place: str, what: str, fix: str
) -> None:
    text = f"{ON_BASE}allow: [{{{entry}}}]\nlists: {{notes: [short]}}\n"
    found = problems(tmp_path / "policy.yaml", text, {"base.yaml": BASE})
    assert says(found, tmp_path / "policy.yaml", place, what, fix), found


@pytest.mark.parametrize(("line", "place", "what", "fix"), WRONG_HOSTS)
def test_a_wrong_host_or_list_of_hosts_is_named(
    tmp_path: Path, line: str, place: str, what: str, fix: str
) -> None:
    text = f"{ON_BASE}{line}\nlists: {{notes: [docs.example.com, 'https://example.com/']}}\n"
    found = problems(tmp_path / "policy.yaml", text, {"base.yaml": BASE})
    assert says(found, tmp_path / "policy.yaml", place, what, fix), found


@pytest.mark.parametrize(("line", "place", "what", "fix"), WRONG_CAPTURES)
def test_a_wrong_capture_is_named(
    tmp_path: Path, line: str, place: str, what: str, fix: str
) -> None:
    found = problems(tmp_path / "policy.yaml", f"{ON_BASE}{line}\n", {"base.yaml": BASE})
    assert says(found, tmp_path / "policy.yaml", place, what, fix), found
