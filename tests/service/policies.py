"""Small policies that differ in what they refuse."""

from __future__ import annotations

from pathlib import Path

RULE = """  - id: {id}
    description: One that a test can tell from others.
    stage: request
    when: {when}
    action: refuse
    message: Refused by {id}.
"""


def policy(id_: str, when: str = "texts > 0", *, more: str = "") -> str:
    """A policy that refuses with one rule of this id."""
    rule = RULE.format(id=id_, when=when)
    return f"version: 1\ndescription: The policy of a test.\n{more}rules:\n{rule}"


def case(rule: str, *, named: str = "../policy.yaml") -> str:
    """A file of cases: any text is refused by this rule."""
    return (
        f"policy: {named}\ncases:\n  - id: any-text\n    parts:\n"
        "      - {name: asked, kind: text, origin: user}\n"
        f"    expect: {{action: refuse, rules: [{rule}]}}\n"
    )


def configmap(folder: Path, name: str, content: str) -> None:
    """Puts a policy where Kubernetes would: a link to a link, which is swapped for another."""
    version = folder / f"..{name}"
    version.mkdir()
    (version / "policy.yaml").write_text(content)
    swapped = folder / "..data_tmp"
    swapped.symlink_to(version.name)
    swapped.rename(folder / "..data")
    if not (folder / "policy.yaml").is_symlink():
        (folder / "policy.yaml").symlink_to("..data/policy.yaml")
