"""Settings are typed, read once, and refuse what they do not know."""

from __future__ import annotations

import pytest

from schemas.errors import InvalidSetting
from streams.runtime.settings import Settings, as_environment, redis_url_of, settings_from, without_secret


def test_nothing_given_is_every_default() -> None:
    assert settings_from({"PATH": "/bin", "HOME": "/root"}) == Settings()


def test_values_take_the_type_of_their_field() -> None:
    settings = settings_from(
        {"ETALAGE_PORT": "0", "ETALAGE_REDIS_DEADLINE_S": "0.5", "ETALAGE_KAFKA": "k:9092"}
    )
    assert (settings.port, settings.redis_deadline_s, settings.kafka) == (0, 0.5, "k:9092")


def test_an_empty_value_counts_as_not_given() -> None:
    assert settings_from({"ETALAGE_KAFKA": "", "ETALAGE_PORT": ""}) == Settings()


@pytest.mark.parametrize(
    ("name", "hint"), [("ETALAGE_KAFAK", "did you mean ETALAGE_KAFKA?"), ("ETALAGE_XYZZY", "README")]
)
def test_an_unknown_name_is_refused(name: str, hint: str) -> None:
    with pytest.raises(InvalidSetting, match=f"{name} is not a setting") as caught:
        settings_from({name: "1"})
    assert hint in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ETALAGE_PORT", "eighty"),
        ("ETALAGE_PORT", "65536"),
        ("ETALAGE_NAMESPACE", "Shop One"),
        ("ETALAGE_NAMESPACE", "a" * 21),
        ("ETALAGE_PARTITIONS", "0"),
        ("ETALAGE_DECISIONS_SAMPLE", "1.5"),
        ("ETALAGE_DRAIN_S", "-1"),
        ("ETALAGE_DRAIN_S", "nan"),
        ("ETALAGE_LOG_LEVEL", "loud"),
    ],
)
def test_an_unusable_value_is_refused_with_its_name(name: str, value: str) -> None:
    with pytest.raises(InvalidSetting, match=f"^{name}: ") as caught:
        settings_from({name: value})
    assert str(caught.value).endswith(f", not {value!r}")
    assert "\n" not in str(caught.value)
    assert "Expected" not in str(caught.value)  # the decoder's words are not a person's


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ETALAGE_KAFKA", "me:s3cret@broker:9092"),
        ("ETALAGE_KAFKA", "broker:9092,kafka://me:s3cret@other:9092"),
        ("ETALAGE_DRAIN_S", "tcp://me:s3cret@gateway"),
        ("ETALAGE_NAMESPACE", "me:s3cret@x"),
    ],
)
def test_a_password_in_the_wrong_place_is_not_repeated(name: str, value: str) -> None:
    with pytest.raises(InvalidSetting, match=f"^{name}: ") as caught:
        settings_from({name: value})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["http://me:s3cret@r", "redis://me:s3cret@r:port", "x://r?password=s3cret"]
)
def test_a_wrong_address_of_redis_is_told_without_its_password(address: str) -> None:
    with pytest.raises(InvalidSetting, match=r"^Redis: ") as caught:
        redis_url_of(address)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("redis://me:a@b:c@host:6379/0", "redis://…@host:6379/0"),
        ("me:secret@host:1", "…@host:1"),
        ("rediss://host:1/0?password=x", "rediss://host:1/0?…"),
        ("host:1", "host:1"),
        ("rediss+sentinel://a:1,[::1]:2/shop/0", "rediss+sentinel://a:1,[::1]:2/shop/0"),
        ("x:y", "…"),
        ("redis://:forgot-the-at", "redis://…"),
    ],
)
def test_an_address_is_shown_without_what_is_secret(address: str, shown: str) -> None:
    assert without_secret(address) == shown


@pytest.mark.parametrize("address", ["nohost", "a:1,nohost", "[::1]", ":9092"])
def test_a_kafka_without_a_port_is_told(address: str) -> None:
    wrong = address.split(",")[-1]
    with pytest.raises(InvalidSetting) as caught:
        settings_from({"ETALAGE_KAFKA": address})
    assert str(caught.value) == f"ETALAGE_KAFKA: host:port[,host:port], and {wrong!r} has no port"


@pytest.mark.parametrize("address", ["k:9092", "a.b:1,c:2", "[::1]:9092", "a:1, b:2"])
def test_addresses_of_a_kafka(address: str) -> None:
    assert settings_from({"ETALAGE_KAFKA": address}).kafka == address


@pytest.mark.parametrize("address", ["http://x:1", "redis://x:99999", "x:0", "unix:///r.sock"])
def test_what_is_no_address_of_a_redis_is_refused(address: str) -> None:
    with pytest.raises(InvalidSetting, match=f"not '{address}'"):
        redis_url_of(address)


@pytest.mark.parametrize("address", ["x", "x:1", "[::1]:1", "rediss://u:p@x:1/2"])
def test_addresses_of_a_redis(address: str) -> None:
    assert redis_url_of(address) in (address, f"redis://{address}/0")


def test_names_that_kubernetes_adds_are_passed_over() -> None:
    added = {
        "ETALAGE_SERVICE_HOST": "10.0.0.1",
        "ETALAGE_SERVICE_PORT": "80",
        "ETALAGE_SERVICE_PORT_HTTP": "80",
        "ETALAGE_PORT": "tcp://10.0.0.1:80",
        "ETALAGE_PORT_80_TCP": "tcp://10.0.0.1:80",
        "ETALAGE_PORT_80_TCP_ADDR": "10.0.0.1",
        "ETALAGE_GATEWAY_SERVICE_HOST": "10.0.0.2",
        "ETALAGE_GATEWAY_PORT": "tcp://10.0.0.2:80",
    }
    assert settings_from(added) == Settings()


def test_a_port_of_our_own_is_not_taken_for_theirs() -> None:
    settings = settings_from({"ETALAGE_PORT": "9", "ETALAGE_PROBE_PORT": "10"})
    assert (settings.port, settings.probe_port) == (9, 10)


def test_settings_travel_to_another_process_whole() -> None:
    settings = Settings(kafka="k:1", namespace="n-1", port=0, decisions_sample=0.25, ranker="none")
    assert settings_from(as_environment(settings)) == settings
    assert as_environment(Settings()) == {}


@pytest.mark.parametrize(
    ("given", "url"),
    [("h:1", "redis://h:1/0"), ("redis://h:1/3", "redis://h:1/3"), ("rediss://h", "rediss://h")],
)
def test_redis_may_be_given_either_way(given: str, url: str) -> None:
    assert redis_url_of(given) == url


def test_production_has_64_partitions() -> None:
    assert settings_from({}).partitions == 64


@pytest.mark.parametrize("heartbeat", ["4", "12.5"])
def test_a_heartbeat_longer_than_the_session_is_refused(heartbeat: str) -> None:
    given = {"ETALAGE_HEARTBEAT_S": heartbeat, "ETALAGE_SESSION_TIMEOUT_S": "4"}
    with pytest.raises(InvalidSetting, match=r"^ETALAGE_HEARTBEAT_S: below ETALAGE_SESSION_TIMEOUT_S=4 "):
        settings_from(given)
    assert settings_from(given | {"ETALAGE_HEARTBEAT_S": "3.9"}).heartbeat_s == 3.9
