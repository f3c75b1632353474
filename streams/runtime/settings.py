"""Settings: one type, read once from `ETALAGE_` variables; an unknown or unusable one stops the start.

Each field's trailing comment is its documentation; the README's table is checked against this file.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Annotated, Literal, get_type_hints
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta, Struct, inspect

from schemas.errors import InvalidSetting, number_text

PREFIX = "ETALAGE_"
SENTINEL = "+sentinel"
REDIS_SCHEMES = ("redis", "rediss", f"redis{SENTINEL}", f"rediss{SENTINEL}")

NO_KAFKA = "no Kafka is known: `etalage up` starts one, or set ETALAGE_KAFKA=host:port"
NO_REDIS = "no Redis is known: `etalage up` starts one, or set ETALAGE_REDIS=host:port"

INJECTED = re.compile(r"(SERVICE_HOST|SERVICE_PORT\w*|PORT_\d+_(TCP|UDP)\w*|PORT)$")
"""Names that Kubernetes adds to every pod for each service it knows; never ours, but for PORT itself."""

_HOST = r"(\[[\w:.%]+\]|[\w.-]*)(:\d+)?"
HOSTS = re.compile(rf"{_HOST}(,{_HOST})*(/[\w.-]*)*")
"""What may stand in an address behind its login: hosts, ports and a path."""
LISTEN_HOST = re.compile(r"[\w.-]+|\[?[\da-fA-F:.]+(%\w+)?\]?")

Namespace = Annotated[str, Meta(pattern=r"^[a-z0-9-]{1,20}$")]
NAMESPACE_HINT = "1 to 20 of a-z, 0-9 and -"
Port = Annotated[int, Meta(ge=0, le=65535)]
Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=1)]
Replicas = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(gt=0)]
Pause = Annotated[float, Meta(ge=0)]
Rate = Annotated[float, Meta(ge=-1)]
OrMinusOne = Annotated[int, Meta(ge=-1)]
Compiled = Literal["auto", "0", "1", "checked"]
KafkaSecurity = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
KafkaSasl = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]
OpenWithoutKeys = Literal["auto", "0", "1"]
LogLevel = Literal["debug", "info", "warning", "error"]


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of a process; every default works. Names carry the unit."""

    kafka: str | None = None  # Kafka's address, `host:port[,host:port]`; none: `etalage up` starts its own
    kafka_security: KafkaSecurity = "PLAINTEXT"  # or SSL, SASL_SSL, SASL_PLAINTEXT: its security.protocol
    kafka_ca: str | None = None  # file of the CA of Kafka's certificates; none: the system's
    kafka_cert: str | None = None  # file of our certificate, where Kafka asks clients for one
    kafka_key: str | None = None  # file of its key; none: it is in the same file
    kafka_sasl: KafkaSasl = "SCRAM-SHA-512"  # PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER
    kafka_username: str | None = None  # who we are, for PLAIN and SCRAM
    kafka_password_file: str | None = None  # file of its password
    kafka_token_file: str | None = None  # file of a token (JWT) for OAUTHBEARER, read at each connection
    redis: str | None = None  # Redis' address, `host:port` or `redis://…`; none: `etalage up` starts its own
    redis_ca: str | None = None  # file of the CA of Redis' certificate, for `rediss://`; none: the system's
    redis_cert: str | None = None  # file of our certificate, where Redis asks clients for one
    redis_key: str | None = None  # file of its key; none: it is in the same file
    redis_password_file: str | None = None  # file of Redis' password; the user stands in `rediss://user@…`
    namespace: Namespace = "etalage"  # prefix of topics, groups and keys; many shops can share a cluster
    host: str = "127.0.0.1"  # the address to listen on
    port: Port = 8080  # the gateway's port; 0 takes a free one
    admin_address: str | None = None  # `host:port` where alone admin, profile and metrics routes then answer
    open: OpenWithoutKeys = "auto"  # without API keys `1`: all may do all; auto: on loopback alone; `0`: none
    key: str | None = None  # API key that `etalage layout` and `etalage shoppers` send to a gateway
    origins: str | None = None  # whose pages may call a gateway without keys: `https://a.shop,…` or `*`
    listen_fd: OrMinusOne = -1  # a listening socket handed over to the gateway (systemd: 3); -1: it binds one
    streams_max: Count = 4000  # most open push streams; past it 503, and an EventSource is to be made anew
    visitor_rate: Rate = -1.0  # units a second that a visitor may cost; -1: 20 with API keys, 0: any
    address_rate: Rate = -1.0  # the same of a client's address, IPv6 by /64; -1: 1000 with API keys, 0: any
    visitor_streams: OrMinusOne = -1  # streams a visitor may have open here; -1: 10 with API keys, 0: any
    address_streams: OrMinusOne = -1  # the same of an address; -1: 500 with API keys, 0: any
    shared_limits: Literal["0", "1"] = "0"  # 1: gateways add up through Redis what each visitor costs
    key_streams: Replicas = 0  # the same of an API key; 0: any
    proxies: str | None = None  # whose X-Forwarded-For is believed: addresses or networks, `10.0.0.0/8,…`
    webhook_secrets_file: str | None = None  # JSON file: the secret of each shop system that sends webhooks
    probe_port: Port = 0  # port of /livez, /readyz and /metrics beside a gateway's own; 0 takes a free one
    status: str | None = None  # file in which the process tells its pid, addresses and readiness
    data: str | None = None  # folder of our own Kafka's and Redis' data; none: a temporary one
    partitions: Count = 64  # of each visitor-keyed topic, chosen once by `topics create`; `up` makes 8
    replication: Replicas = 0  # least replicas of each topic, checked at boot; 0: as brokers make them
    min_insync: Replicas = 0  # least min.insync.replicas of each, checked at boot; 0: as brokers have it
    events_days: Count = 7  # how long events stay in Kafka; states can be rebuilt that far back
    worker_id: str | None = None  # name of this worker in fences and logs; none: its kind and pid
    stale_after_s: Seconds = 3.0  # answers are labelled stale once their partition is so far behind the log
    instance_id: str | None = None  # name in the group; who comes back under it has its partitions at once
    state_ttl_days: Count = 120  # how long a visitor who stays away is remembered
    layout_ttl_s: Count = 1800  # how long a stored live layout lives; it can always be decided again
    decide_within_s: Seconds = 30.0  # older records are folded, but no layout is decided for them
    live_page: str = "home"  # the page kept decided for each active visitor
    lru_visitors: Count = 20_000  # visitors a worker keeps in memory, up to 2.5 kB each
    dead_letter_share: Share = 0.5  # halt when more than this share of the last records is bad; 1: never
    dead_letter_min: Count = 200  # how many last records that share is taken of
    session_timeout_s: Count = 6  # Kafka group session: a silent worker loses its partitions after it
    heartbeat_s: Seconds = 1.0  # between heartbeats to the group
    commit_interval_s: Seconds = 0.5  # between commits of acknowledged offsets (for lag tools)
    redis_deadline_s: Seconds = 2.0  # one deadline around each piece of Redis work
    patience_s: Seconds = 60.0  # how long a worker tries Redis or Kafka again before it halts
    stall_exit_s: Count = 30  # exit when there is lag and nothing was done for so long
    drain_s: Seconds = 8.0  # to finish what is under way after SIGTERM
    unready_s: Pause = 0.0  # so long a gateway told to end accepts on, unready, for load balancers to see it
    decisions_sample: Share = 0.05  # share of visitors whose decisions are recorded
    ranker: str | None = None  # folder of a model artifact; none: the packaged one; `none`: popularity only
    compiled: Compiled = "auto"  # the policy: as built, `1` refuses to start interpreted, `0` is interpreted
    log_level: LogLevel = "info"  # debug, info, warning or error
    log_format: Literal["json", "pretty", "auto"] = "auto"  # auto: pretty on a terminal, JSON elsewhere
    shop_cache: str | None = None  # file that keeps the last shop, for a start without Kafka
    jars: str | None = None  # folder that caches the jars of our own Kafka; none: the usual one of jgo


def settings_from(env: Mapping[str, str], prefix: str = PREFIX) -> Settings:
    """The settings in `env`, a mapping as os.environ.

    An empty value counts as not set, and what Kubernetes injects for services of our name is left alone.

    Raises:
        InvalidSetting: a name that is none of ours (with the nearest one) or a value that is unusable (with
            what was expected); names the variable.
    """
    given = {
        name.removeprefix(prefix).lower(): value
        for name, value in env.items()
        if name.startswith(prefix) and value and not _is_injected(name.removeprefix(prefix), value)
    }
    known = {field.name for field in msgspec.structs.fields(Settings)}
    for name in sorted(set(given) - known):
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {prefix}{near[0].upper()}?" if near else "the README lists them all"
        raise InvalidSetting(f"{prefix}{name.upper()} is not a setting; {hint}")
    return validate(given, lambda name: prefix + name.upper())


def read_settings() -> Settings:
    """The settings of this process, from its environment; InvalidSetting as `settings_from`."""
    return settings_from(os.environ)


def is_given(name: str, env: Mapping[str, str] = os.environ) -> bool:
    """Whether `env` sets this field itself, not leaving it at its default."""
    return bool(env.get(PREFIX + name.upper()))


def as_environment(settings: Settings, prefix: str = PREFIX) -> dict[str, str]:
    """The variables that give another process these settings; those at their default are left out."""
    return {
        prefix + field.name.upper(): str(getattr(settings, field.name))
        for field in msgspec.structs.fields(Settings)
        if getattr(settings, field.name) != field.default
    }


def may_be_open(settings: Settings) -> bool:
    """Whether a gateway with these settings answers everybody while there are no keys."""
    admin_host = (settings.admin_address or settings.host + ":").rpartition(":")[0]
    on_loopback = _is_loopback(settings.host) and _is_loopback(admin_host)
    return settings.open == "1" or (settings.open == "auto" and on_loopback)


def _is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens at `host`; a name that is no address counts as not."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def redis_url_of(address: str) -> str:
    """A URL for redis clients from `host:port` or from a URL; InvalidSetting when it is neither."""
    url = address if "://" in address else f"redis://{address}/0"
    try:
        parts = urlsplit(url)
        hosts = parts.netloc.rpartition("@")[2]
        several = hosts.split(",") if SENTINEL in parts.scheme else [hosts]
        usable = parts.scheme in REDIS_SCHEMES and 0 not in [urlsplit(f"//{host}").port for host in several]
    except ValueError:
        usable = False
    if not usable:
        raise InvalidSetting(f"Redis: host:port or redis://…, not {without_secret(address)!r}")
    return url


def without_secret(address: str) -> str:
    """An address for messages: of its login and its options nothing is repeated.

    Nor is what is no host and port where these should be: it is a password when an @ was forgotten.
    """
    scheme, separator, rest = address.partition("://") if "://" in address else ("", "", address)
    _, at, place = rest.rpartition("@")
    place, option, _ = place.partition("?")
    if (separator or at or ":" in place) and not HOSTS.fullmatch(place):
        place = "…"
    return f"{scheme}{separator}{'…' + at if at else ''}{place}{option and '?…'}"


def secret_file_text(path: str) -> str:
    """The name of a file with a secret, for messages; what looks like no path may be the secret itself."""
    return path if path.startswith(("/", "./", "../")) else "…"


def _is_injected(name: str, value: str) -> bool:
    if name == "PORT":
        return "://" in value  # a service named `etalage` sets ETALAGE_PORT=tcp://10.0.0.1:80
    return bool(INJECTED.search(name)) and name != "PROBE_PORT"


def validate(given: Mapping[str, object], named: Callable[[str], str]) -> Settings:
    """The settings of these values by field name.

    Args:
        given: values as they came, strings among them.
        named: how the caller spells a field (an environment variable, an option), for the error.

    Raises:
        InvalidSetting: says what was expected, under the name that was typed.
    """
    try:
        settings = msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as exc:
        name = str(exc).partition(" - at `$.")[2].rstrip("`")
        wrong = without_secret(str(given[name]))
        raise InvalidSetting(f"{named(name)}: {_describe_expected(name)}, not {wrong!r}") from exc
    _refuse_logins(settings, named)
    _check_addresses(settings, named)
    if settings.min_insync > settings.replication > 0:
        raise InvalidSetting(
            f"{named('min_insync')}: at most {named('replication')}={settings.replication} "
            f"(one less is usual), not {settings.min_insync}: nothing could be written"
        )
    if settings.heartbeat_s >= settings.session_timeout_s:
        raise InvalidSetting(
            f"{named('heartbeat_s')}: below {named('session_timeout_s')}={settings.session_timeout_s} "
            f"(a third of it is usual), not {settings.heartbeat_s:g}: each session would end between two"
        )
    return settings


def _refuse_logins(settings: Settings, named: Callable[[str], str]) -> None:
    """Raises InvalidSetting where a URL, which may hold a login, stands in a setting that messages repeat."""
    for name in set(settings.__struct_fields__) - {"redis", "origins"}:
        if "://" in str(getattr(settings, name)):
            raise InvalidSetting(f"{named(name)}: only {named('redis')} takes an address with a scheme")
    if not LISTEN_HOST.fullmatch(settings.host):
        raise InvalidSetting(f"{named('host')}: an address, not {without_secret(settings.host)!r}")
    if settings.key and not (settings.key.isascii() and settings.key.isprintable()):
        raise InvalidSetting(f"{named('key')}: an API key, in one line and without blanks at its ends")


def _check_addresses(settings: Settings, named: Callable[[str], str]) -> None:
    if re.search("[@/]", settings.kafka or ""):
        raise InvalidSetting(f"{named('kafka')}: host:port[,host:port], without a scheme, user or password")
    for address in (settings.kafka or "").split(","):
        if address and not _ends_with_port(address):
            shown = without_secret(address)
            raise InvalidSetting(f"{named('kafka')}: host:port[,host:port], and {shown!r} has no port")
    admin = settings.admin_address
    if admin and (re.search("[@/]", admin) or not _ends_with_port(admin)):
        raise InvalidSetting(f"{named('admin_address')}: host:port, not {without_secret(admin)!r}")


def _ends_with_port(address: str) -> bool:
    host, _, port = address.rpartition(":")
    return bool(host) and port.strip().isdigit()


def _describe_expected(name: str) -> str:
    field = inspect.type_info(get_type_hints(Settings, include_extras=True)[name])
    match field:
        case inspect.IntType(ge=least, le=most):
            return number_text(int, least, most)
        case inspect.FloatType(ge=least, le=most) if least is not None or most is not None:
            return number_text(float, least, most)
        case inspect.FloatType():
            return "a number above 0"
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(map(str, values))}"
        case _:
            return NAMESPACE_HINT
