"""Settings come from the environment and the command line; a wrong one is named with its fix."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from detectors.media.sizes import SizeRule
from service.cli.main import serve
from service.settings import FLAGS, PREFIX, Settings, SettingsError

SIZES = '[{"model": "llava*", "long": 672}]'
READ = {
    "UPSTREAM": ("https://api.example.com/v1/", "https://api.example.com"),
    "HOST": ("0.0.0.0", "0.0.0.0"),
    "PORT": ("9000", 9000),
    "ADMIN_HOST": ("::1", "::1"),
    "ADMIN_PORT": ("0", 0),
    "POLICY": ("my.yaml", Path("my.yaml")),
    "WORKERS": ("4", 4),
    "THREADS": ("2", 2),
    "QUEUE": ("1", 1),
    "INSPECT_TIMEOUT_S": ("0.5", 0.5),
    "BODY_LIMIT": ("2048", 2048),
    "BODY_TIMEOUT_S": ("3", 3.0),
    "ANSWER_LIMIT": ("4096", 4096),
    "UPSTREAM_CONNECT_S": ("1", 1.0),
    "UPSTREAM_READ_S": ("2", 2.0),
    "PASS_THROUGH": (
        "POST /v1/audio/speech, GET /v1/files,",
        (("POST", "/v1/audio/speech"), ("GET", "/v1/files")),
    ),
    "IMAGE_SIZES": (SIZES, (SizeRule(model="llava*", long=672),)),
    "CACHE": ("0", 0),
    "LOG_LEVEL": ("debug", "debug"),
}
WRONG = {
    "UPSTREAM": ("api.example.com", "http:// or https://"),
    "UPSTREAM ": ("ftp://api.example.com", "http:// or https://"),
    "UPSTREAM  ": ("http://", "name a host"),
    "UPSTREAM   ": ("http://[::1", "name a host"),
    "UPSTREAM    ": ("http://api.example.com/?key=1", "without a query"),
    "PORT": ("http", "valid integer"),
    "PORT ": ("65536", "less than or equal to 65535"),
    "ADMIN_PORT": ("-1", "greater than or equal to 0"),
    "WORKERS": ("0", "greater than or equal to 1"),
    "THREADS": ("0", "greater than or equal to 1"),
    "QUEUE": ("0", "greater than or equal to 1"),
    "INSPECT_TIMEOUT_S": ("0", "greater than 0"),
    "BODY_LIMIT": ("10", "greater than or equal to 1024"),
    "BODY_TIMEOUT_S": ("soon", "valid number"),
    "ANSWER_LIMIT": ("1", "greater than or equal to 1024"),
    "UPSTREAM_CONNECT_S": ("0", "greater than 0"),
    "UPSTREAM_READ_S": ("-2", "greater than 0"),
    "PASS_THROUGH": ("/v1/files", "'/v1/files' is not a method and a path"),
    "PASS_THROUGH ": ("GET files", "is not a method and a path"),
    "PASS_THROUGH  ": ("GET /v1/../admin", "is not a method and a path"),
    "IMAGE_SIZES": ("[{", "is not JSON"),
    "IMAGE_SIZES ": ('[{"long": 10}]', "Field required"),
    "IMAGE_SIZES  ": ('[{"model": "x", "wide": 1}]', "Unexpected keyword"),
    "CACHE": ("-1", "greater than or equal to 0"),
    "LOG_LEVEL": ("loud", "'debug', 'info', 'warning' or 'error'"),
}


@pytest.mark.parametrize(("name", "written", "value"), [(k, *v) for k, v in READ.items()])
def test_every_setting_is_read_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, name: str, written: str, value: object
) -> None:
    monkeypatch.setenv(f"{PREFIX}{name}", written)
    assert getattr(Settings.read(), name.lower()) == value


def test_the_table_above_has_every_setting() -> None:
    names = {name.upper() for name in Settings.model_fields}
    assert set(READ) == names
    assert {name.strip() for name in WRONG} == names - {"HOST", "ADMIN_HOST", "POLICY"}


@pytest.mark.parametrize(("name", "written", "says"), [(k, *v) for k, v in WRONG.items()])
def test_a_wrong_setting_is_named_with_its_fix(
    monkeypatch: pytest.MonkeyPatch, name: str, written: str, says: str
) -> None:
    variable = f"{PREFIX}{name.strip()}"
    monkeypatch.setenv(variable, written)
    with pytest.raises(SettingsError) as caught:
        Settings.read()
    (line,) = str(caught.value).splitlines()
    assert line.startswith(variable)
    assert says in line


def test_all_that_is_wrong_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLASSGATE_WORKERS", "0")
    monkeypatch.setenv("GLASSGATE_QUEUE", "0")
    with pytest.raises(SettingsError) as caught:
        Settings.read(port=70000)
    port, workers, queue = str(caught.value).splitlines()
    assert port.startswith("GLASSGATE_PORT (or --port): ")
    assert workers.startswith("GLASSGATE_WORKERS (or --workers): ")
    assert queue.startswith("GLASSGATE_QUEUE: ")


def test_what_is_given_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLASSGATE_PORT", "9000")
    monkeypatch.setenv("GLASSGATE_WORKERS", "2")
    settings = Settings.read(port=9001, workers=None)
    assert (settings.port, settings.workers) == (9001, 2)


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in READ:
        monkeypatch.setenv(f"{PREFIX}{name}", "")
    empty = Settings.read()
    for name in READ:
        monkeypatch.delenv(f"{PREFIX}{name}")
    assert empty == Settings.read()


@pytest.mark.parametrize("name", ["host", "admin_host"])
def test_no_address_is_not_every_address(name: str) -> None:
    with pytest.raises(SettingsError, match=f"--{name.replace('_', '-')}"):
        Settings.read(**{name: ""})


def test_the_defaults_listen_to_this_machine_only() -> None:
    settings = Settings.read()
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert (settings.admin_host, settings.admin_port) == ("127.0.0.1", 8081)
    assert settings.body_limit == 32 * 1024 * 1024
    assert settings.policy.is_file()


def test_settings_are_frozen() -> None:
    settings = Settings.read()
    with pytest.raises(ValueError, match="frozen"):
        settings.port = 1


def test_the_flags_are_those_of_the_command() -> None:
    assert set(inspect.signature(serve).parameters) - {"demo"} == FLAGS


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in READ:
        monkeypatch.delenv(f"{PREFIX}{name}", raising=False)
