"""A policy and its edits, as a script: what the file says, and by what the workers then decide."""

from __future__ import annotations

import os
import threading
from collections.abc import Collection, Sequence
from pathlib import Path

import pytest

from detectors.contract.exchange import Origin
from service.admin.policy import NoFormerPolicy
from service.policy.case_file import Case, CasePart
from service.policy.compile import compile_policy
from service.policy.document import PolicyError
from service.policy.model import Decision
from service.policy.resolve import Resolved
from service.policy.staging import exchange_of, inspection_of, parts_of
from service.reload import NotTaken, Reload
from service.worker import Ruling
from tests.service.policies import case, configmap, policy

GO_ON = threading.Event()
BUDGET_S = 20.0


class Workers:
    """Take every ruling, or refuse it."""

    def __init__(self) -> None:
        self.ruled: list[Ruling] = []
        self.refuse = ""
        self.late = False

    def detectors(self) -> Collection[str] | None:
        return ("ocr",)

    def rule(self, ruling: Ruling) -> None:
        if self.refuse:
            raise NotTaken(self.refuse)
        self.ruled.append(ruling)

    def ask(self, policy: str, case: Case, within_s: float) -> Decision:
        """Decides the request as one in which nothing is found."""
        assert 0 <= within_s <= BUDGET_S
        if self.late:
            raise TimeoutError
        text = CasePart(name="asked", kind="text", origin=Origin.USER)
        staged = case.model_copy(update={"request": None, "parts": (text,)})
        parts = parts_of(staged)
        exchange = exchange_of(staged, parts.values())
        compiled = compile_policy(Resolved.model_validate_json(policy))
        return compiled.decide(exchange, inspection_of(staged, parts))

    @property
    def rules(self) -> list[str]:
        """The rule of each policy that was put in force, in order; one on trial after a plus."""
        return [
            "+".join(_rule(each) for each in (ruling.policy, ruling.trial) if each)
            for ruling in self.ruled
        ]


def _rule(document: str) -> str:
    return Resolved.model_validate_json(document).policy.rules[0].id


class Service:
    """A policy file that a running service reads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.workers = Workers()
        self.reload = Reload(path, budget_s=BUDGET_S)
        self.reload.lead(self.workers)

    def write(self, content: str) -> Sequence[str]:
        """Edits the file, and looks; the rules in force since."""
        self.path.write_text(content)
        return self.look()

    def look(self) -> Sequence[str]:
        before = len(self.workers.ruled)
        self.reload.look(GO_ON)
        return self.workers.rules[before:]

    @property
    def problems(self) -> str:
        return "\n".join(self.reload.state().problems)

    def count(self, outcome: str) -> int:
        return self.reload.state().reloads[outcome]


@pytest.fixture
def service(tmp_path: Path) -> Service:
    path = tmp_path / "policy.yaml"
    path.write_text(policy("first"))
    return Service(path)


def test_an_edit_takes_effect(service: Service) -> None:
    before = service.reload.state().hash
    assert service.look() == []
    assert service.write(policy("second")) == ["second"]
    state = service.reload.state()
    assert (state.former, state.problems, service.count("applied")) == (before, (), 1)
    assert service.reload.written()["rules"][0]["id"] == "second"  # type: ignore[index]
    assert service.look() == []


@pytest.mark.parametrize("edit", ["# a remark\n", "\n\n"])
def test_an_edit_that_says_the_same_is_none(service: Service, edit: str) -> None:
    assert service.write(policy("first") + edit) == []
    assert service.count("applied") == 0


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        ("rules: [", "policy.yaml:1:"),
        ("", "policy.yaml:1:1"),
        (policy("second", "texs > 0"), "did you mean `texts`?"),
        (policy("second", more="extends: [./base.yaml]\n"), "there is no policy file"),
        (policy("second", more="fail_open: [orc]\n"), "there is no detector `orc`"),
    ],
    ids=["not YAML", "empty", "unknown variable", "no base", "unknown detector"],
)
def test_a_bad_edit_leaves_the_old_policy_in_force(
    service: Service, edit: str, problem: str
) -> None:
    before = service.reload.state().hash
    assert service.write(edit) == []
    assert problem in service.problems
    assert "Fix: " in service.problems
    assert (service.reload.state().hash, service.count("refused")) == (before, 1)
    assert (service.look(), service.count("refused")) == ([], 1)
    assert service.write(policy("third")) == ["third"]
    assert service.problems == ""


def test_a_base_that_comes_later_mends_an_edit(service: Service) -> None:
    assert service.write(policy("second", more="extends: [./base.yaml]\n")) == []
    (service.path.parent / "base.yaml").write_text(policy("base"))
    assert service.look() == ["base"]
    (service.path.parent / "base.yaml").write_text(policy("other"))
    assert service.look() == ["other"]


def test_a_mistake_in_a_base_is_mended_there(service: Service) -> None:
    base = service.path.parent / "base.yaml"
    base.write_text(policy("base", "texs > 0"))
    assert service.write(policy("second", more="extends: [./base.yaml]\n")) == []
    assert f"{base}:7:" in service.problems
    base.write_text(policy("base"))
    assert service.look() == ["base"]


def test_a_list_beside_is_watched(service: Service) -> None:
    listed = service.path.parent / "teams.txt"
    listed.write_text("one\n")
    by_team = policy("second", "tenant in lists.teams", more="lists: {teams: teams.txt}\n")
    assert service.write(by_team) == ["second"]
    listed.write_text("one\ntwo\n")
    assert service.look() == ["second"]
    assert '"two"' in service.workers.ruled[-1].policy


def test_cases_run_before_it_takes_effect(service: Service) -> None:
    cases = service.path.parent / "cases"
    cases.mkdir()
    (cases / "policy.yaml").write_text(case("first"))
    (cases / "other.yaml").write_text(case("stranger", named="../other.yaml"))
    assert service.write(policy("first", "texts > 5")) == []
    assert "any-text: failed" in service.problems
    assert service.write(policy("first", "texts > 0 && images == 0")) == ["first"]
    (cases / "policy.yaml").write_text(case("unknown"))
    assert service.write(policy("first", "texts > 0 && images < 9")) == []
    assert "`unknown` is not known" in service.problems
    (cases / "policy.yaml").write_text(case("first"))
    assert service.look() == ["first"]


ASKED = """
  - id: asked
    request: {{text: anything}}
    expect: {{action: {action}, rules: [{rule}]}}
"""


def test_a_request_is_asked_before_it_takes_effect(
    service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = service.path.parent / "cases" / "policy.yaml"
    asked.parent.mkdir()
    asked.write_text(case("first") + ASKED.format(action="forward", rule=""))
    assert service.write(policy("first", "texts > 0 && images == 0")) == []
    assert f"{asked}: asked: failed\n    - action: forward" in service.problems
    asked.write_text(case("first") + ASKED.format(action="refuse", rule="first"))
    assert service.look() == ["first"]
    told = capsys.readouterr().out
    assert "policy applied" in told
    assert "cases=2" in told


def test_an_edit_whose_requests_take_too_long_is_refused(service: Service) -> None:
    asked = service.path.parent / "cases" / "policy.yaml"
    asked.parent.mkdir()
    asked.write_text(case("first") + ASKED.format(action="refuse", rule="first"))
    service.workers.late = True
    assert service.write(policy("first", "texts > 0 && images == 0")) == []
    (problem,) = service.reload.state().problems
    assert problem.startswith(f"{asked}: asked: the cases with a `request` take longer than 20 s")
    assert "GLASSGATE_CASES_BUDGET_S" in problem


def test_a_configmap_is_swapped_by_its_link(tmp_path: Path) -> None:
    configmap(tmp_path, "1", policy("first"))
    service = Service(tmp_path / "policy.yaml")
    configmap(tmp_path, "2", policy("second"))
    assert service.look() == ["second"]
    configmap(tmp_path, "3", "rules: [")
    assert service.look() == []
    assert service.problems
    configmap(tmp_path, "4", policy("fourth"))
    assert service.look() == ["fourth"]


def test_a_file_that_goes_away_changes_nothing(service: Service) -> None:
    service.path.unlink()
    assert service.look() == []
    assert "cannot be read" in service.problems
    assert service.write(policy("second")) == ["second"]


def test_an_edit_in_the_same_moment_and_of_the_same_size_is_seen(service: Service) -> None:
    before = service.path.stat()
    service.path.write_text(policy("other"))
    os.utime(service.path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert service.look() == ["other"]


def test_a_rollback_returns_to_the_policy_before(service: Service) -> None:
    service.write(policy("second"))
    service.write(policy("third"))
    service.reload.roll_back()
    assert service.workers.rules == ["second", "third", "second"]
    assert service.look() == []
    service.reload.roll_back()
    assert service.workers.rules[-1] == "first"
    with pytest.raises(NoFormerPolicy, match="no other policy was in force"):
        service.reload.roll_back()
    service.reload.reload()
    assert service.workers.rules[-1] == "third"
    assert service.count("rolled_back") == 2


def test_a_rollout_is_on_trial_until_it_is_whole(service: Service) -> None:
    assert service.write(policy("second", more="rollout: 10%\n")) == ["first+second"]
    assert service.workers.ruled[-1].share == pytest.approx(0.1)
    state = service.reload.state()
    assert (state.share, state.former) == (0.1, state.hash)
    assert service.write(policy("second", more="rollout: 0.5\n")) == ["first+second"]
    assert service.workers.ruled[-1].share == pytest.approx(0.5)
    assert service.write(policy("third", more="rollout: 10%\n")) == ["first+third"]
    trial = service.reload.state().trial
    assert service.write(policy("third")) == ["third"]
    state = service.reload.state()
    assert (state.hash, state.trial, state.share) == (trial, "", 0.0)
    service.reload.roll_back()
    assert service.workers.rules[-1] == "first"


def test_a_rollback_ends_a_trial(service: Service) -> None:
    service.write(policy("second", more="rollout: 10%\n"))
    service.reload.roll_back()
    assert service.workers.rules == ["first+second", "first"]
    with pytest.raises(NoFormerPolicy):
        service.reload.roll_back()


@pytest.mark.parametrize("written", ["0%", "101%", "ten", "-5%", "1.5"])
def test_a_rollout_is_a_share(service: Service, written: str) -> None:
    assert service.write(policy("second", more=f"rollout: {written}\n")) == []
    assert "rollout" in service.problems


def test_what_the_workers_do_not_take_is_not_in_force(service: Service) -> None:
    before = service.reload.state().hash
    service.workers.refuse = "a detector is missing"
    assert service.write(policy("second")) == []
    assert (service.problems, service.reload.state().hash) == ("a detector is missing", before)
    service.workers.refuse = ""
    service.reload.reload()
    assert (service.workers.rules, service.problems) == (["second"], "")


def test_payload_that_cannot_be_kept_is_not_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(policy("one") + "capture: flagged\n")
    said = rf"^{path}:\d+:10: capture: payload cannot be kept here\n +Fix: set GLASSGATE_AUDIT"
    with pytest.raises(PolicyError, match=said):
        Reload(path, keeps=False)
    assert Reload(path).state().problems == ()


def test_a_wrong_policy_is_no_start(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("rules: [")
    with pytest.raises(PolicyError):
        Reload(tmp_path / "policy.yaml")
