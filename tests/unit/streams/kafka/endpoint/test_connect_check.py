"""Kafka and Redis say the same of a certificate that is refused, each with its own settings."""

from __future__ import annotations

import ssl

import pytest

from streams.kafka.endpoint.cluster import KafkaCluster
from streams.kafka.endpoint.connect_check import _explain
from streams.stores.redis.endpoint.connect_errors import connect_error_text


@pytest.mark.parametrize("code", [10, 18, 19, 20, 21, 62, 64, 26])
def test_both_services_explain_a_bad_certificate_alike(code: int) -> None:
    exc = ssl.SSLCertVerificationError(1, "refused")
    exc.verify_code, exc.verify_message = code, "no good"
    of_kafka = _explain(exc, KafkaCluster("k:1"))
    of_redis = connect_error_text("r:1", exc, 2.0, tls=True)
    assert of_redis == f"Redis at r:1: {of_kafka.replace('KAFKA', 'REDIS')}"
    assert ("; " in of_kafka) == (code != 26)
    assert "{" not in of_kafka
