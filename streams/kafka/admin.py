"""Topics on the cluster: made as `schemas.topics` says, and refused when what stands there differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from typing import Any

from kafka.admin import ConfigResource, KafkaAdminClient
from kafka.errors import KafkaError, TopicAlreadyExistsError, UnknownTopicOrPartitionError, for_code
from msgspec import Struct

from schemas.errors import EtalageError, ServiceMissing, StreamUnavailable, error_text
from schemas.topics import DEAD_LETTERS, DECISIONS, EVENTS, STOREFRONT, TOPICS, Topic
from streams.kafka.endpoint.cluster import admin_options, kafka_cluster
from streams.kafka.endpoint.connect_check import check_connection_sync
from streams.runtime.ports import wait_until
from streams.runtime.settings import Settings

BOOTSTRAP_MS = 10_000
READY_MS = 30_000
ROLL_MS = timedelta(minutes=10) // timedelta(milliseconds=1)
RECORD_BYTES_MAX = (
    2 << 20
)  # a dead letter holds a record whole, a decision its features, a push all its sections
CHECKED = ("cleanup.policy", "message.timestamp.type")
"""What must be as planned; retention and the like are the operator's to change."""


MIN_INSYNC = "min.insync.replicas"
BROKERS_CHOICE = -1


class TopicPlan(Struct, frozen=True, kw_only=True):
    """One topic as it should stand on the cluster."""

    name: str
    partitions: int
    replicas: int
    """At least so many; 0: as many as brokers make by themselves."""
    configs: Mapping[str, str]


class TopicState(Struct, frozen=True, kw_only=True):
    """One topic as it stands there."""

    name: str
    partitions: int
    topic_id: str
    replicas: int = 1
    """Of the partition that has the fewest."""
    created: bool = False


class TopicsRefused(EtalageError):
    """The cluster holds other topics than these settings ask for; the text says which and what to do."""


def plan(settings: Settings) -> list[TopicPlan]:
    """Every topic of the namespace as it should be; visitor-keyed ones, deltas and signals have one count."""
    return [
        TopicPlan(
            name=topic.full_name(settings.namespace),
            partitions=_partitions(topic, settings),
            replicas=settings.replication,
            configs=_configs(topic, settings),
        )
        for topic in TOPICS
    ]


def make_topics(settings: Settings) -> list[TopicState]:
    """Make what is missing; doing it twice changes nothing. TopicsRefused when what stands there differs."""
    wanted = plan(settings)
    with admin(settings) as client:
        before = _states(client, wanted)
        missing = [topic for topic in wanted if topic.name not in before]
        _refuse(client, [topic for topic in wanted if topic.name in before], before)
        _create(client, missing)
        now = _states(client, wanted)
    made = {topic.name for topic in missing}
    return [
        TopicState(
            name=s.name, partitions=s.partitions, topic_id=s.topic_id, replicas=s.replicas,
            created=s.name in made,
        )
        for s in now.values()
    ]  # fmt: skip


def list_topics(settings: Settings) -> list[TopicState]:
    """The namespace's topics that exist on the cluster; ServiceMissing when Kafka does not answer."""
    with admin(settings) as client:
        return list(_states(client, plan(settings)).values())


def check_replication(settings: Settings) -> None:
    """For a boot: check that what is written outlives the brokers that the settings say it must outlive.

    Raises:
        TopicsRefused: a topic has fewer replicas, or a lower min.insync.replicas, than they ask for.
        ServiceMissing: Kafka does not answer.
    """
    if settings.replication or settings.min_insync:
        wanted = plan(settings)
        with admin(settings) as client:
            states = _states(client, wanted)
            present = [topic for topic in wanted if topic.name in states]
            _refuse_fewer_replicas(client, present, states)


def delete_topics(settings: Settings) -> None:
    """Delete every topic of the namespace and wait until the broker knows none of them; tests clean up so.

    Raises:
        ServiceMissing: Kafka does not answer, or still knows one after READY_MS.
    """
    wanted = plan(settings)
    with admin(settings) as client:
        names = list(_states(client, wanted))
        if names:
            client.delete_topics(names)
        if not wait_until(lambda: not _states(client, wanted), within_s=READY_MS / 1000):
            raise ServiceMissing(f"Kafka at {settings.kafka} did not delete the topics")


class TopicReader:
    """Looks at a topic again and again over one connection; to be used by one thread at a time."""

    def __init__(self, settings: Settings, topic: Topic) -> None:
        self._settings, self._name = settings, topic.full_name(settings.namespace)
        self._open = ExitStack()
        self._client: KafkaAdminClient | None = None

    def read(self) -> TopicState | None:
        """The topic as it stands now; None when there is none. Blocks while Kafka answers.

        Raises:
            ServiceMissing: Kafka does not answer, or does not say.
        """
        try:
            if self._client is None:
                self._client = self._open.enter_context(admin(self._settings))
            return _describe(self._client, self._name)
        except KafkaError as exc:
            self.close()
            raise ServiceMissing(f"Kafka at {self._settings.kafka}: {error_text(exc)}") from exc

    def close(self) -> None:
        """Disconnect; another look would connect again."""
        self._client = None
        self._open.close()


def _describe(client: KafkaAdminClient, name: str) -> TopicState | None:
    (topic,) = client.describe_topics([name])
    if topic["error_code"] == UnknownTopicOrPartitionError.errno:
        return None
    if topic["error_code"]:
        raise for_code(topic["error_code"])(name)
    return _state_of(topic)


@contextmanager
def admin(settings: Settings) -> Iterator[KafkaAdminClient]:
    """An admin client for the length of a block.

    Raises:
        ServiceMissing: There is no Kafka in the settings, it does not answer, or what was asked in the block
            failed; the text is one line.
    """
    cluster = kafka_cluster(settings)
    # First because the client waits long for a broker that is not there, and does not say why.
    try:
        check_connection_sync(cluster)
    except StreamUnavailable as exc:
        raise ServiceMissing(str(exc)) from exc
    try:
        with KafkaAdminClient(**admin_options(cluster), bootstrap_timeout_ms=BOOTSTRAP_MS) as client:
            yield client
    except KafkaError as exc:
        raise ServiceMissing(f"Kafka at {settings.kafka}: {error_text(exc)}") from exc


def _partitions(topic: Topic, settings: Settings) -> int:
    return settings.partitions if topic.keyed_by == "visitor" or topic.name.startswith("item-") else 1


def _configs(topic: Topic, settings: Settings) -> dict[str, str]:
    configs: dict[str, str] = {"message.timestamp.type": topic.timestamps}
    if settings.min_insync:
        configs[MIN_INSYNC] = str(settings.min_insync)
    if topic in (DEAD_LETTERS, DECISIONS, STOREFRONT):
        configs["max.message.bytes"] = str(RECORD_BYTES_MAX)
    if topic is EVENTS:
        # A dead letter holds the whole record, a third larger as base64: it must fit in RECORD_BYTES_MAX.
        configs["max.message.bytes"] = str(RECORD_BYTES_MAX // 2)
    if topic.compacted:
        # Soon rolled segments: only closed ones are compacted, and every process reads them all at boot.
        return configs | {
            "cleanup.policy": "compact", "segment.ms": str(ROLL_MS), "segment.bytes": str(32 << 20),
            "min.cleanable.dirty.ratio": "0.2", "max.compaction.lag.ms": str(6 * ROLL_MS),
        }  # fmt: skip
    kept = timedelta(days=settings.events_days) if topic is EVENTS else topic.retention
    if kept is not None:
        configs |= {"cleanup.policy": "delete", "retention.ms": str(kept // timedelta(milliseconds=1))}
    return configs


def _states(client: KafkaAdminClient, wanted: list[TopicPlan]) -> dict[str, TopicState]:
    """Those of `wanted` that exist, by name."""
    described = client.describe_topics([topic.name for topic in wanted])
    return {
        topic["name"]: TopicState(
            name=topic["name"],
            partitions=len(topic["partitions"]),
            topic_id=str(topic["topic_id"]),
            replicas=min(len(partition["replica_nodes"]) for partition in topic["partitions"]),
        )
        for topic in described
        if topic["error_code"] == 0
    }


def _state_of(topic: Mapping[str, Any]) -> TopicState:
    return TopicState(
        name=topic["name"], partitions=len(topic["partitions"]), topic_id=str(topic["topic_id"])
    )


def _refuse(client: KafkaAdminClient, present: list[TopicPlan], states: Mapping[str, TopicState]) -> None:
    """Raises TopicsRefused when one has another partition count or another config of CHECKED than planned."""
    for topic in present:
        have = states[topic.name].partitions
        if have != topic.partitions:
            raise TopicsRefused(
                f"{topic.name} has {have} partitions, {topic.partitions} are asked for; states are kept by "
                f"partition, so set ETALAGE_PARTITIONS={have} or take another namespace"
            )
    _refuse_fewer_replicas(client, present, states)
    configs = _described_configs(client, present, CHECKED)
    for topic in present:
        for name in CHECKED:
            if configs[topic.name][name] != topic.configs[name]:
                raise TopicsRefused(
                    f"{topic.name} has {name}={configs[topic.name][name]}, {topic.configs[name]} is needed"
                )


def _refuse_fewer_replicas(
    client: KafkaAdminClient, present: list[TopicPlan], states: Mapping[str, TopicState]
) -> None:
    """Raises TopicsRefused when one is kept by fewer brokers than planned, or written with fewer in sync."""
    configs = _described_configs(client, present, (MIN_INSYNC,))
    for topic in present:
        have, insync = states[topic.name].replicas, int(configs[topic.name][MIN_INSYNC])
        if have < topic.replicas:
            raise TopicsRefused(
                f"{topic.name} has {have} replica(s), ETALAGE_REPLICATION asks for {topic.replicas}: "
                "give it more with kafka-reassign-partitions.sh"
            )
        if insync < int(topic.configs.get(MIN_INSYNC, 0)):
            raise TopicsRefused(
                f"{topic.name} has {MIN_INSYNC}={insync}, ETALAGE_MIN_INSYNC asks for "
                f"{topic.configs[MIN_INSYNC]}: kafka-configs.sh --alter --topic {topic.name} "
                f"--add-config {MIN_INSYNC}={topic.configs[MIN_INSYNC]}"
            )


def _described_configs(
    client: KafkaAdminClient, topics: list[TopicPlan], names: Sequence[str]
) -> dict[str, dict[str, Any]]:
    if not topics:
        return {}
    asked = [ConfigResource("TOPIC", topic.name, configs=list(names)) for topic in topics]
    answer = client.describe_configs(asked, config_filter="all")
    return {
        name: {key: config["value"] for key, config in configs.items()}
        for name, configs in answer["topic"].items()
    }


def _create(client: KafkaAdminClient, missing: list[TopicPlan]) -> None:
    if not missing:
        return
    wanted = {
        t.name: {
            "num_partitions": t.partitions,
            "replication_factor": t.replicas or BROKERS_CHOICE,
            "configs": dict(t.configs),
        }
        for t in missing
    }
    with suppress(TopicAlreadyExistsError):  # another process was faster
        client.create_topics(wanted)
    client.wait_for_topics(list(wanted), timeout_ms=READY_MS)
