"""Commands find the `etalage up` that runs, and nothing that does not; addresses that are given win."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from schemas.errors import EtalageError, InvalidSetting, ServiceMissing
from streams.local.instances import TEMPORARY_PREFIX, data_folder, gateway_url, locate
from streams.local.up_status import UpStatus, write_up_status
from streams.runtime.settings import Settings

LONG_AGO = 1_000_000_000


@pytest.fixture(autouse=True)
def isolated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No ETALAGE_ variable, an empty working folder, and a temporary folder of the test's own."""
    for name in [name for name in os.environ if name.startswith("ETALAGE_")]:
        monkeypatch.delenv(name)
    (tmp_path / "here").mkdir()
    (tmp_path / "temporary").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))


def up_in(folder: Path, *, pid: int | None = None, kafka: str = "k:1") -> UpStatus:
    folder.mkdir(parents=True, exist_ok=True)
    status = UpStatus(
        pid=pid or os.getpid(), namespace="shop", partitions=3, kafka=kafka, redis="r:2",
        url="http://127.0.0.1:7777/", ready=True, data=str(folder), servers={}, children={},
    )  # fmt: skip
    write_up_status(folder / "status.json", status)
    return status


def addresses(settings: Settings) -> tuple[str | None, str | None, str, int]:
    return settings.kafka, settings.redis, settings.namespace, settings.partitions


def test_nothing_runs() -> None:
    assert locate().up is None
    assert locate().settings == Settings()
    assert gateway_url(None) == "http://127.0.0.1:8080"


def test_the_one_in_data_is_found() -> None:
    up = up_in(Path("data"))
    assert locate().up == up
    assert addresses(locate().settings) == ("k:1", "r:2", "shop", 3)
    assert gateway_url(None) == "http://127.0.0.1:7777"
    assert gateway_url("http://other:1/") == "http://other:1"


@pytest.mark.parametrize("way", ["option", "environment"])
def test_a_folder_that_is_named_wins(way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    up_in(Path("data"))
    named = tmp_path / "named"
    up = up_in(named, kafka="k:9")
    if way == "environment":
        monkeypatch.setenv("ETALAGE_DATA", str(named))
    assert locate(named if way == "option" else None).up == up


def test_a_named_folder_in_which_nothing_runs_is_an_error(tmp_path: Path) -> None:
    up_in(Path("data"))
    with pytest.raises(ServiceMissing, match="no `etalage up` runs in"):
        locate(tmp_path / "named")


def test_one_in_a_temporary_folder_is_found_and_two_are_asked_about() -> None:
    place = Path(tempfile.gettempdir())
    up = up_in(place / f"{TEMPORARY_PREFIX}one")
    assert locate().up == up
    up_in(place / f"{TEMPORARY_PREFIX}two", kafka="k:2")
    with pytest.raises(EtalageError, match="say which with --data"):
        locate()


def test_the_file_of_a_dead_process_is_ignored() -> None:
    up_in(Path("data"), pid=2**22 + 1)
    assert locate().up is None


def test_a_younger_process_with_the_same_pid_is_ignored() -> None:
    up_in(Path("data"))
    os.utime("data/status.json", (LONG_AGO, LONG_AGO))
    assert locate().up is None


@pytest.mark.parametrize("content", ["", "{}", "[1]"])
def test_a_broken_status_file_is_none(content: str) -> None:
    Path("data").mkdir()
    Path("data/status.json").write_text(content)
    assert locate().up is None


def test_addresses_that_are_given_win(monkeypatch: pytest.MonkeyPatch) -> None:
    up_in(Path("data"))
    monkeypatch.setenv("ETALAGE_KAFKA", "mine:1")
    assert locate().up is None
    assert addresses(locate().settings) == ("mine:1", None, "etalage", Settings().partitions)


def test_what_is_given_and_agrees_is_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    up_in(Path("data"))
    monkeypatch.setenv("ETALAGE_REDIS", "redis://r:2/0")
    monkeypatch.setenv("ETALAGE_NAMESPACE", "mine")
    assert addresses(locate().settings) == ("k:1", "redis://r:2/0", "mine", 3)


def test_a_port_that_is_given_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    up_in(Path("data"))
    monkeypatch.setenv("ETALAGE_PORT", "1234")
    assert gateway_url(None) == "http://127.0.0.1:1234"


def test_a_free_port_names_no_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETALAGE_PORT", "0")
    with pytest.raises(InvalidSetting, match="give --url"):
        gateway_url(None)


def test_a_folder_has_one_owner_at_a_time(tmp_path: Path) -> None:
    named = tmp_path / "named"
    with data_folder(str(named)) as folder:
        assert folder == named
        taken = rf"another `etalage up` \(pid {os.getpid()}\) uses"
        with pytest.raises(EtalageError, match=taken), data_folder(str(named)):
            pass
    with data_folder(str(named)):
        pass


def test_a_file_is_no_data_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EtalageError, match="cannot be a data folder"), data_folder(str(tmp_path / "file")):
        pass


def test_a_temporary_folder_goes() -> None:
    with data_folder(None) as folder:
        assert folder.is_dir()
    assert not folder.exists()
