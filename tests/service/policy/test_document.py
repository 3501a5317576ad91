from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.policy.load import PolicyError, load
from tests.service.policy.wrong import problems, says

WRONG_FILES = [
    ("", "1:1", "the file is empty", "docs/policies.md"),
    ("# nothing\n", "1:1", "the file is empty", "docs/policies.md"),
    ("- a\n", "1:1", "must be a table", "name: value"),
    ("version: 2\n", "1:10", "`2` is not 1", "write 1"),
    ("version: 1\n", "1:1", "`rules` is missing", "rules"),
    ("version: 1\nrules: []\n", "2:8", "rules: must not be empty", "at least one"),
    ("version: 1\nrules: {}\n", "2:8", "rules: must be a list", "brackets"),
    ("version: 1\nrules: [1]\n", "2:9", "rules[0]: must be a table", "name: value"),
    ("version: 1\nrule: []\n", "2:1", "`rule` is not a field", "`rules`"),
    ("version: 1\nrefusal: eror\n", "2:10", "`eror`", "`error`"),
    ("thresholds: {harm: 1.5}\n", "1:20", "thresholds, harm: must be between 0 and 1", "0 to 1"),
    ("thresholds: {harm: .nan}\n", "1:20", "thresholds, harm: must be a number", "0.5"),
    ("thresholds: {harm: '0.5'}\n", "1:20", "must be a number", "0.5"),
    ("thresholds: {harm: true}\n", "1:20", "must be a number", "0.5"),
    ("thresholds: {Harm: 0.5}\n", "1:14", "`Harm` is not written as a name", "underscores"),
    ("version: 1\nversion: 1\n", "2:1", "`version` stands twice, first on line 1", "keep one"),
    ("rules:\n  - id: a\n    id: b\n", "3:5", "`id` stands twice", "keep one"),
    ("a: &x 1\nb: *x\n", "1:4", "anchors and aliases are refused", "write it out"),
    ("a: !!python/object/apply:os.getcwd []\n", "1:4", "the tag tag:yaml.org,2002:python", "out"),
    ("? [a]\n: b\n", "1:3", "a key must be a word", "docs/policies.md"),
    ("a: " + "[" * 30 + "]" * 30, "1:23", "nested over 20 deep", "docs/policies.md"),
    ("a: b: c\n", "1:5", "not YAML: mapping values are not allowed here", "quote a text"),
    ("a:\n\tb: 1\n", "2:1", "not YAML", "indentation"),
    ("a: 1\n---\nb: 1\n", "2:1", "not YAML: but found another document", "check"),
    ("b: 1\na: \x07\n", "2:4", "the character U+0007", "take it out"),
    ("a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "2:4", "anchors and aliases", "write it out"),
    ("<<: {a: 1}\nversion: 1\n", "1:1", "`<<` is not a field here", "docs/policies.md"),
    ("%TAG ! tag:a,2000:\n---\na: !b 1\n", "3:4", "the tag", "take it out"),
    ("version: 1.0\nrules: no\n", "2:8", "rules: must be a list", "brackets"),
    ("refusal: no\n", "1:10", "`no` is not 'refusal' or 'error'", "write"),
    ("version: 0x1\n", "1:10", "`0x1` is not 1", "write 1"),
    ("version: 1:00\n", "1:10", "`1:00` is not 1", "write 1"),
    ("thresholds: {harm: 1_0}\n", "1:20", "must be a number", "0.5"),
    ("thresholds: {harm: 0.5, harm: 0.4}\n", "1:25", "`harm` stands twice", "keep one"),
    ("thresholds: {harm: ~}\n", "1:20", "must be a number", "0.5"),
    ("description: 2026-11-22T10:00:00Z: a\n", "1:34", "not YAML", "quote a text"),
    ("description: ''\n", "1:14", "must not be empty", "write something"),
    ("- " * 40 + "a\n", "1:41", "nested over 20 deep", "docs/policies.md"),
]


@pytest.mark.parametrize(("text", "place", "what", "fix"), WRONG_FILES)
def test_a_wrong_file(tmp_path: Path, text: str, place: str, what: str, fix: str) -> None:
    path = tmp_path / "policy.yaml"
    found = problems(path, text)
    assert says(found, path, place, what, fix), "\n".join(found)


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"version: \xff\n", "byte 9 is not UTF-8"),
        ("version: 1\n".encode("utf-16"), "byte 0 is not UTF-8"),
        (b"#" * (1 << 20) + b"\n", "larger than 1048576 bytes"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_an_unreadable_file(tmp_path: Path, raw: bytes | None, what: str) -> None:
    path = tmp_path / "policy.yaml"
    if raw is not None:
        path.write_bytes(raw)
    with pytest.raises(PolicyError, match=what):
        load(path)


def test_a_byte_order_mark_at_the_start_is_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    rule = "{id: a, description: d, stage: request, when: complete, action: forward}"
    text = f"version: 1\ndescription: d\nrules: [{rule}]\n"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert load(path).written.version == 1


def test_a_folder_is_no_policy(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot be read: Is a directory"):
        load(tmp_path)


PARTS = st.sampled_from(
    [
        "rules:",
        "\n",
        "  ",
        "- ",
        "id: a",
        "on: ",
        "[user]",
        "{",
        "}",
        "1: 2",
        "~",
        "when: harm > 1.0",
    ]
)


@given(st.lists(st.one_of(PARTS, st.text(max_size=4)), max_size=30).map("".join))
@settings(max_examples=300, deadline=None)
def test_whatever_stands_in_a_file_it_loads_or_is_refused_with_its_place(text: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "policy.yaml"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        with pytest.raises(PolicyError, match=r"policy\.yaml:\d+:\d+: .*\n(?s:.*)    Fix: "):
            load(path)


def loaded_or_refused(path: Path) -> bool:
    try:
        return bool(load(path).written.rules)
    except PolicyError as error:
        return bool(error.problems)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_a_changed_policy_loads_or_is_refused(data: st.DataObject) -> None:
    shipped = (Path(__file__).parents[3] / "policies" / "mask.yaml").read_text(encoding="utf-8")
    at = data.draw(st.integers(0, len(shipped)))
    length = data.draw(st.integers(0, 5))
    text = shipped[:at] + data.draw(st.text(max_size=3)) + shipped[at + length :]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "policy.yaml"
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        assert loaded_or_refused(path)
