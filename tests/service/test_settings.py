"""Settings come from the environment and the command line; a wrong one is named with its fix."""

from __future__ import annotations

import inspect
from ipaddress import ip_network
from pathlib import Path

import pytest
from pydantic import SecretStr

from detectors.media.sizes import SizeRule
from service.cli.serving import serve
from service.settings import FLAGS, PREFIX, Settings, SettingsError

KEY = "+/" * 21 + "8="
SIZES = '[{"model": "llava*", "long": 672}]'
READ = {
    "UPSTREAM": ("https://api.example.com/v1/", "https://api.example.com"),
    "HOST": ("0.0.0.0", "0.0.0.0"),
    "PORT": ("9000", 9000),
    "ADMIN_HOST": ("::1", "::1"),
    "ADMIN_PORT": ("0", 0),
    "EXT_PROC_PORT": ("0", 0),
    "POLICY": ("my.yaml", Path("my.yaml")),
    "WORKERS": ("4", 4),
    "THREADS": ("2", 2),
    "QUEUE": ("1", 1),
    "INSPECT_TIMEOUT_S": ("0.5", 0.5),
    "PICTURE_BUDGET_S": ("0.5", 0.5),
    "CASES_BUDGET_S": ("60", 60.0),
    "BODY_LIMIT": ("2048", 2048),
    "BODY_TIMEOUT_S": ("3", 3.0),
    "ANSWER_LIMIT": ("4096", 4096),
    "UPSTREAM_CONNECT_S": ("1", 1.0),
    "UPSTREAM_READ_S": ("2", 2.0),
    "PASS_THROUGH": (
        "POST /v1/audio/speech, GET /v1/files,",
        (("POST", "/v1/audio/speech"), ("GET", "/v1/files")),
    ),
    "FETCH": ("off", "off"),
    "FETCH_HOSTS": ("Media.example.com, *.example.org,", ("media.example.com", "*.example.org")),
    "FETCH_DENIED_HOSTS": ("a.example.org", ("a.example.org",)),
    "FETCH_PORTS": ("443, 8443", (443, 8443)),
    "FETCH_ADDRESSES": (
        "10.1.0.0/16, fd12::/48, 10.2.0.7",
        tuple(map(ip_network, ("10.1.0.0/16", "fd12::/48", "10.2.0.7"))),
    ),
    "FETCH_LIMIT": ("4096", 4096),
    "FETCH_TIMEOUT_S": ("2.5", 2.5),
    "FETCH_PARTS": ("1", 1),
    "FETCH_AT_ONCE": ("2", 2),
    "IMAGE_SIZES": (SIZES, (SizeRule(model="llava*", long=672),)),
    "OCR": ("tesseract", "tesseract"),
    "CHECKS": ("checks.yaml", Path("checks.yaml")),
    "NEIGHBOURS": ("false", False),
    "TENANT_HEADER": ("x-tenant", "x-tenant"),
    "KEY_GROUPS": ('{"partners": ["ab"]}', {"partners": ("ab",)}),
    "AUDIT": ("sqlite:///audit.db", "sqlite:///audit.db"),
    "AUDIT_KEY": ("c2VjcmV0", SecretStr("c2VjcmV0")),
    "UPLOAD_KEY": (KEY, SecretStr(KEY.replace("+", "-").replace("/", "_"))),
    "AUDIT_KEY_FILE": ("keys", Path("keys")),
    "AUDIT_FULL": ("refuse", "refuse"),
    "AUDIT_QUEUE": ("50", 50),
    "AUDIT_DAYS": ("7", 7.0),
    "AUDIT_ROWS": ("1000", 1000),
    "FILES": ("uploads", Path("uploads")),
    "UPLOAD_FOLDER": ("pieces", Path("pieces")),
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
    "EXT_PROC_PORT": ("65536", "less than or equal to 65535"),
    "WORKERS": ("0", "greater than or equal to 1"),
    "THREADS": ("0", "greater than or equal to 1"),
    "QUEUE": ("0", "greater than or equal to 1"),
    "INSPECT_TIMEOUT_S": ("0", "greater than 0"),
    "PICTURE_BUDGET_S": ("0", "greater than 0"),
    "CASES_BUDGET_S": ("0", "greater than 0"),
    "BODY_LIMIT": ("10", "greater than or equal to 1024"),
    "BODY_TIMEOUT_S": ("soon", "valid number"),
    "ANSWER_LIMIT": ("1", "greater than or equal to 1024"),
    "UPSTREAM_CONNECT_S": ("0", "greater than 0"),
    "UPSTREAM_READ_S": ("-2", "greater than 0"),
    "PASS_THROUGH": ("/v1/files", "'/v1/files' is not a method and a path"),
    "PASS_THROUGH ": ("GET files", "is not a method and a path"),
    "PASS_THROUGH  ": ("GET /v1/../admin", "is not a method and a path"),
    "FETCH": ("yes", "'off', 'https' or 'http'"),
    "FETCH_HOSTS": ("https://example.com", "'https://example.com' is not a host"),
    "FETCH_DENIED_HOSTS": ("a b", "'a b' is not a host"),
    "FETCH_PORTS": ("443, https", "'https' is not a port"),
    "FETCH_PORTS ": ("65536", "'65536' is not a port"),
    "FETCH_ADDRESSES": ("10.0.0.1/8", "'10.0.0.1/8' is not a network"),
    "FETCH_ADDRESSES ": ("intranet", "'intranet' is not a network"),
    "FETCH_LIMIT": ("1", "greater than or equal to 1024"),
    "FETCH_TIMEOUT_S": ("0", "greater than 0"),
    "FETCH_PARTS": ("0", "greater than or equal to 1"),
    "FETCH_AT_ONCE": ("0", "greater than or equal to 1"),
    "IMAGE_SIZES": ("[{", "is not JSON"),
    "IMAGE_SIZES ": ('[{"long": 10}]', "Field required"),
    "IMAGE_SIZES  ": ('[{"model": "x", "wide": 1}]', "Unexpected keyword"),
    "OCR": ("easyocr", "'embedded', 'openvino', 'paddleocr' or 'tesseract'"),
    "NEIGHBOURS": ("maybe", "valid boolean"),
    "KEY_GROUPS": ("{", "is not JSON"),
    "UPLOAD_KEY": ("c2VjcmV0", "32 bytes in base64"),
    "AUDIT_FULL": ("wait", "'drop' or 'refuse'"),
    "AUDIT_QUEUE": ("0", "greater than or equal to 1"),
    "AUDIT_DAYS": ("0", "greater than 0"),
    "AUDIT_ROWS": ("-1", "greater than or equal to 0"),
    "CACHE": ("-1", "greater than or equal to 0"),
    "LOG_LEVEL": ("loud", "'debug', 'info', 'warning' or 'error'"),
}


ANYTHING = {
    *("HOST", "ADMIN_HOST", "POLICY", "CHECKS", "FILES", "UPLOAD_FOLDER", "TENANT_HEADER"),
    *("AUDIT", "AUDIT_KEY", "AUDIT_KEY_FILE"),
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
    assert {name.strip() for name in WRONG} == names - ANYTHING


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
