from __future__ import annotations

import errno
import json
import os
import re
import signal
import socket
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from typer.testing import CliRunner, Result

from cozygen import __version__, cli
from cozygen.app import DataFolderDamagedError, _open_database
from cozygen.settings import Settings
from cozygen.storage.database import Database
from cozygen.tags import update
from tests.serving import Serving, alive, command, wait_until

GRAPH = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
}
SERVE_OPTIONS = ["host", "port", "engine", "output-dir", "input-dir", "workflows-dir", "data-dir", "log-level"]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the machine that the tests run on."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("COZYGEN_")]:
        monkeypatch.delenv(name)


def run(*arguments: str, **env: str) -> Result:
    return CliRunner().invoke(cli.app, list(arguments), env={"COLUMNS": "200", "NO_COLOR": "1", **env})


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def test_the_version() -> None:
    assert run("version").stdout.strip() == __version__


def test_help_lists_all_options() -> None:
    text = re.sub(r"\x1b\[[0-9;]*m", "", run("serve", "--help").stdout)
    for option in SERVE_OPTIONS:
        assert f"--{option}" in text
        assert option.replace("-", "_") in Settings.model_fields
    assert "COZYGEN_" in text and ".env" in text
    everything = run("--help").stdout
    for name in ("serve", "doctor", "openapi", "version", "tags", "import-data"):
        assert name in everything


WRONG = [
    (["--port", "70000"], "--port / COZYGEN_PORT"),
    (["--port", "-1"], "--port / COZYGEN_PORT"),
    (["--engine", "nonsense"], "--engine / COZYGEN_ENGINE: must be auto, embedded or an http(s) URL"),
    (["--engine", "ftp://x"], "--engine / COZYGEN_ENGINE"),
    (["--log-level", "loud"], "--log-level / COZYGEN_LOG_LEVEL"),
    (["--library-dir", "Pics=x"], "--library-dir / COZYGEN_LIBRARY_DIRS: 'Pics' is no name of a library"),
    (["--library-dir", "pics"], "--library-dir: 'pics' is not name=path"),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_a_wrong_option_is_named(options: list[str], message: str) -> None:
    result = run("serve", *options)
    assert result.exit_code == 2 and f"cozygen: {message}" in result.stderr and "Traceback" not in result.output


def test_an_option_that_is_no_number_is_named() -> None:
    result = run("serve", "--port", "many")
    assert result.exit_code == 2 and "--port" in result.stderr
    assert run("serve", "--nonsense").exit_code == 2


WRONG_VARIABLES = [
    ({"COZYGEN_PORT": "many"}, "--port / COZYGEN_PORT: "),
    ({"COZYGEN_ENGINE": "x"}, "--engine / COZYGEN_ENGINE: "),
    ({"COZYGEN_AUTH_TTL": "1"}, "COZYGEN_AUTH_TTL: "),
    ({"COZYGEN_MAX_UPLOAD_MB": "x"}, "COZYGEN_MAX_UPLOAD_MB: "),
    ({"COZYGEN_LOG_FORMAT": "xml"}, "COZYGEN_LOG_FORMAT: "),
    ({"COZYGEN_LIBRARY_DIRS": "output=/x"}, "--library-dir / COZYGEN_LIBRARY_DIRS: a library cannot be called output"),
    ({"COZYGEN_LIBRARY_DIRS": '{"a": 1}'}, "--library-dir / COZYGEN_LIBRARY_DIRS"),
    ({"COZYGEN_AUTH_USER": "ada"}, "auth_user and auth_pass belong together"),
]


@pytest.mark.parametrize(("env", "message"), WRONG_VARIABLES)
def test_a_wrong_variable_is_named(env: dict[str, str], message: str) -> None:
    result = run("serve", **env)
    assert result.exit_code == 2 and f"cozygen: {message}" in result.stderr


def test_every_wrong_setting_is_named_at_once() -> None:
    result = run("serve", "--port", "70000", COZYGEN_LOG_LEVEL="loud")
    assert len([line for line in result.stderr.splitlines() if line.startswith("cozygen: ")]) == 2


def test_options_win_over_variables_and_those_over_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("COZYGEN_PORT=1001\nCOZYGEN_HOST=10.0.0.1\nCOZYGEN_ENGINE=embedded\nOTHER=1\n")
    monkeypatch.setenv("COZYGEN_PORT", "1002")
    monkeypatch.setenv("COZYGEN_HOST", "10.0.0.2")
    found = cli._settings(port=1003, host=None)
    assert (found.port, found.host, found.engine) == (1003, "10.0.0.2", "embedded")


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COZYGEN_AUTH_USER", "ada")
    monkeypatch.setenv("COZYGEN_AUTH_PASS", "lovelace")
    assert "lovelace" not in repr(cli._settings())


def test_openapi_is_json_whatever_the_console() -> None:
    result = command("openapi", cwd=Path.cwd(), env={"PYTHONIOENCODING": "utf-8"})
    assert result.returncode == 0 and json.loads(result.stdout)["openapi"].startswith("3.1")


# serve


def test_a_port_that_is_taken(tmp_path: Path, taken: int) -> None:
    result = command("serve", "--engine", "embedded", "--port", str(taken), "--data-dir", "d", cwd=tmp_path)
    assert result.returncode == 1 and f"127.0.0.1:{taken}" in result.stderr and "--port 0" in result.stderr
    assert "Traceback" not in result.stderr and "Open" not in result.stdout


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EADDRNOTAVAIL, "cannot assign"), "cannot listen on 192.0.2.1:8787: cannot assign. Is --host an"),
        (OSError(errno.EACCES, "denied"), "cannot listen on 192.0.2.1:8787: denied. Another program may use the port"),
        (socket.gaierror(-2, "Name not known"), "cannot listen on 192.0.2.1:8787: Name not known. Is --host"),
        (OSError(errno.EROFS, "read-only", "/x"), "cannot use /x: read-only. Choose another folder"),
    ],
)
def test_what_keeps_it_from_starting(error: OSError, said: str) -> None:
    assert cli._why(error, Settings(_env_file=None, host="192.0.2.1")).startswith(said)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = command("serve", "--engine", "embedded", "--port", "0", "--data-dir", "file/data", cwd=tmp_path)
    assert result.returncode == 1 and str(tmp_path / "file") in result.stderr and "doctor" in result.stderr
    assert "Traceback" not in result.stderr and "port" not in result.stderr


def test_a_database_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "cozygen.db").write_bytes(b"this is no database" * 100)
    result = command("serve", "--engine", "embedded", "--port", "0", "--data-dir", "data", cwd=tmp_path)
    assert result.returncode == 1 and "cozygen.db cannot be opened: file is not a database" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_database_of_a_newer_version(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "cozygen.db") as database:
        database.execute("CREATE TABLE alembic_version (version_num TEXT)")
        database.execute("INSERT INTO alembic_version VALUES ('9999')")
    database.close()
    with pytest.raises(DataFolderDamagedError, match=r"newer CozyGen \(revision 9999; this one knows"):
        _open_database(Database(tmp_path / "cozygen.db"))


def test_settings_from_a_file_and_a_second_studio(tmp_path: Path) -> None:
    given = {"ENGINE": "embedded", "PORT": "0", "OUTPUT_DIR": "results", "LOG_LEVEL": "warning"}
    (tmp_path / ".env").write_text("".join(f"COZYGEN_{name}={value}\n" for name, value in given.items()))
    with Serving(tmp_path) as studio:
        status = studio.ask("GET", "/cozygen/api/status")
        assert status["engine"]["engine"] == "embedded" and (tmp_path / "results").is_dir()
        second = command("serve", "--data-dir", str(studio.data), cwd=tmp_path)
        assert second.returncode == 3 and "--data-dir" in second.stderr and "Another studio" in second.stderr
        assert "Traceback" not in second.stderr
        assert studio.ask("GET", "/cozygen/hello") == {"status": "ok"}
        assert studio.end(signal.SIGTERM) == 0
        assert studio.stderr == "", "all is well, and it was asked to be quiet"


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize(("number", "form"), [(signal.SIGINT, "text"), (signal.SIGTERM, "json")])
def test_it_runs_logs_and_stops(tmp_path: Path, number: signal.Signals, form: str) -> None:
    with Serving(tmp_path, "--engine", "embedded", "--port", "0", env={"COZYGEN_LOG_FORMAT": form}) as studio:
        url = studio.url()
        stream = requests.get(url + "/cozygen/api/events?last_id=very-secret", stream=True, timeout=60)
        prompt_id = studio.ask("POST", "/prompt", {"prompt": GRAPH})["prompt_id"]
        wait_until(lambda: studio.ask("GET", f"/history/{prompt_id}") != {})
        answer = requests.get(url + "/no%0ARoot%20login/x?password=very-secret", timeout=60)
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n")
            assert b" 400 " in raw.recv(1000)
        wait_until(lambda: len(studio.children()) >= 2)
        children = studio.children()
        assert studio.end(number) == 0
        stream.close()
        wait_until(lambda: not any(map(alive, children)))
        with pytest.raises(requests.ConnectionError):
            requests.get(url + "/cozygen/hello", timeout=5)
        lines = read_log(studio.stderr, form)
    request = next(message for _, message in lines if message.startswith("GET /no%0ARoot%20login/x 404 "))
    assert request.endswith(f"id={answer.headers['X-Request-Id']}")
    assert not re.search(r"very-secret|Traceback|never retrieved|unclosed", studio.stderr + studio.stdout)
    assert {level for level, _ in lines} == {"info"}
    assert not re.search(r"alembic|watchfiles|PIL", studio.stderr)
    assert [message for _, message in lines if message.startswith("bad request: ")] != []


def read_log(text: str, form: str) -> list[tuple[str, str]]:
    """(level, message) of every line."""
    if form == "json":
        lines = [json.loads(line) for line in text.splitlines()]
        assert all(set(line) == {"time", "level", "logger", "message"} for line in lines)
        return [(line["level"], line["message"]) for line in lines]
    found = [re.fullmatch(r"\d\d:\d\d:\d\d (\w+) +[\w.]+: (.*)", line) for line in text.splitlines()]
    assert None not in found, text
    return [(line[1].lower(), line[2]) for line in found if line is not None]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_it_stops_while_it_starts(tmp_path: Path) -> None:
    with Serving(tmp_path, "--engine", "embedded", "--port", "0") as studio:
        wait_until(lambda: (studio.data / "studio.lock").exists())
        children = studio.children()
        assert studio.end(signal.SIGTERM) == 0
        wait_until(lambda: not any(map(alive, children)))
        assert "Traceback" not in studio.stderr


# doctor, tags, import-data


def test_doctor_ends_with_1_for_a_fault(tmp_path: Path, taken: int) -> None:
    (tmp_path / "file").touch()
    result = run("doctor", "--engine", "embedded", "--port", str(taken), "--data-dir", "data", "--output-dir", "file/x")
    assert result.exit_code == 1
    assert "--output-dir" in result.stdout and "--port" in result.stdout and "is not a folder" in result.stdout
    assert run("doctor", "--engine", "x").exit_code == 2


def test_tags_are_imported(tmp_path: Path) -> None:
    (tmp_path / "tags.csv").write_text("long_hair,0,100,\nblue_sky,0,50,\n")
    (tmp_path / "broken.csv").write_text("nothing of use")
    done = run("tags", "import", "tags.csv", "--data-dir", "data")
    assert done.exit_code == 0 and "2 tags imported from tags.csv" in done.stdout
    info = run("tags", "info", "--data-dir", "data")
    assert info.exit_code == 0 and info.stdout.startswith("2 tags (") and "  general: 2" in info.stdout
    for name in ("broken.csv", "gone.csv", "."):
        failed = run("tags", "import", name, "--data-dir", "data")
        assert (
            failed.exit_code == 1
            and failed.stderr.startswith(f"cozygen: {name}: ")
            and "Traceback" not in failed.output
        )
    assert run("tags", "info", "--data-dir", "data").stdout == info.stdout, "a failure leaves what was in force"
    fresh = run("tags", "info", "--data-dir", "fresh")
    assert fresh.exit_code == 0 and "starter" in fresh.stdout


def test_tags_cannot_be_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: object) -> None:
        raise update.UpdateError("http://127.0.0.1:9 does not answer")

    monkeypatch.setattr(update, "update", fail)
    result = run("tags", "update", "--url", "http://127.0.0.1:9", "--data-dir", "data")
    assert (result.exit_code, result.stderr) == (1, "cozygen: http://127.0.0.1:9 does not answer\n")
    wrong = run("tags", "update", "--url", "nonsense", "--data-dir", "data")
    assert wrong.exit_code == 2 and "--url / COZYGEN_TAGS_URL" in wrong.stderr


def test_data_is_imported_and_again(tmp_path: Path) -> None:
    old = tmp_path / "old"
    old.mkdir()
    empty = run("import-data", "old", "--data-dir", "data")
    assert empty.exit_code == 1 and "nothing to import in old" in empty.stderr
    (old / "aliases.json").write_text(json.dumps({"sky": "blue sky", "sea": "green sea"}))
    first = run("import-data", "old", "--data-dir", "data")
    assert first.exit_code == 0 and "aliases.json: 2 new" in first.stdout
    assert "aliases.json: 0 new" in run("import-data", "old", "--data-dir", "data").stdout
    (old / "workflow_types.json").write_text("{")
    broken = run("import-data", "old", "--data-dir", "data")
    assert broken.exit_code == 1 and "workflow_types.json: " in broken.stderr and "aliases.json" in broken.stdout
    gone = run("import-data", "gone", "--data-dir", "data")
    assert gone.exit_code == 1 and "gone is no folder" in gone.stderr
