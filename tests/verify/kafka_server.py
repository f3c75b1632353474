"""A Kafka with secured listeners: TLS with and without client certificates, and all mechanisms of SASL."""

from __future__ import annotations

import subprocess
from pathlib import Path

from streams.local.servers.kafka import CLUSTER_ID, PROPERTIES, KafkaRecipe
from streams.runtime.ports import HOST, free_port
from tests.verify.certificates import Authority, Certificate

NAME, PASSWORD = "etalage", "s3cret-of-kafka"
LISTENERS = {"TLS": "SSL", "MUTUAL": "SSL", "SASL": "SASL_SSL", "OPEN": "SASL_PLAINTEXT"}
"""TLS, TLS with certificates of clients, SASL over TLS, SASL without TLS; each on a port of its own."""

SECURED = """\
listeners={listeners}
advertised.listeners={advertised}
listener.security.protocol.map=BROKER:PLAINTEXT,CONTROLLER:PLAINTEXT,{protocols}
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={truststore}
ssl.client.auth=none
listener.name.mutual.ssl.client.auth=required
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
"""
SECURITY = "org.apache.kafka.common.security"
OAUTH = f"{SECURITY}.oauthbearer"
MECHANISMS = {
    "plain.sasl.jaas.config": f'{SECURITY}.plain.PlainLoginModule required user_{NAME}="{PASSWORD}";',
    "scram-sha-256.sasl.jaas.config": f"{SECURITY}.scram.ScramLoginModule required;",
    "scram-sha-512.sasl.jaas.config": f"{SECURITY}.scram.ScramLoginModule required;",
    "oauthbearer.sasl.jaas.config":
        f'{OAUTH}.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";',
    "oauthbearer.sasl.server.callback.handler.class":
        f"{OAUTH}.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler",
}  # fmt: skip
"""Kafka's own validator of tokens checks their times and claims, but no signature."""


SCRAM_OPTIONS = [
    word
    for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
    for word in ("--add-scram", f"{mechanism}=[name={NAME},password={PASSWORD}]")
]
"""Of SCRAM: kept in the cluster, made when it is formatted."""


class SecureKafkaRecipe(KafkaRecipe):
    """Our own Kafka with further listeners, whose ports are `ports`; its own port stays open for tests."""

    def __init__(self, authority: Authority, certificate: Certificate) -> None:
        super().__init__()
        self._authority, self._certificate = authority, certificate
        self.ports: dict[str, int] = {}

    def prepare(self, data: Path, port: int) -> list[str | Path]:
        java = self._java_command()
        controller = free_port()
        self.ports = {name: free_port() for name in LISTENERS}
        properties = data / "server.properties"
        places = {"BROKER": port, **self.ports}
        listeners = ",".join(f"{name}://{HOST}:{at}" for name, at in places.items())
        kept = [
            line
            for line in PROPERTIES.format(
                host=HOST, port=port, controller=controller, logs=data / "logs"
            ).splitlines()
            if not line.startswith(("listeners=", "advertised.listeners=", "listener.security.protocol.map="))
        ]
        secured = SECURED.format(
            listeners=f"{listeners},CONTROLLER://{HOST}:{controller}",
            advertised=listeners,
            protocols=",".join(f"{name}:{protocol}" for name, protocol in LISTENERS.items()),
            keystore=self._certificate.both,
            truststore=self._authority.ca,
        )
        for name in ("sasl", "open"):
            lines = [f"listener.name.{name}.{key}={value}\n" for key, value in MECHANISMS.items()]
            secured += "".join(lines)
        properties.write_text("\n".join(kept) + "\n" + secured)
        if not (data / "logs" / "meta.properties").exists():
            format_data(java, properties, CLUSTER_ID, *SCRAM_OPTIONS)
        return [*java, "kafka.Kafka", properties]


def format_data(java: list[str | Path], properties: Path, cluster: str, *options: str) -> None:
    """Format an empty data folder; AssertionError with what the tool said when it fails."""
    command = [*java, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", properties, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
