"""Why a connection to Redis could not be made and what to do: one line, without a password."""

from __future__ import annotations

import os
from ssl import SSLCertVerificationError, SSLError

from schemas.errors import StoreUnavailable, error_text
from streams.runtime.ports import bad_certificate_text

NO_TLS = "if no TLS is spoken there, write redis:// instead of rediss://, or its TLS port"
"""A Redis without TLS waits for the end of what it takes for a command."""

CLIENT_CERTIFICATE = (
    "it asks clients for a certificate that it trusts: set ETALAGE_REDIS_CERT and ETALAGE_REDIS_KEY"
)
ADVICE = {
    "WRONG_VERSION_NUMBER": NO_TLS,
    "CERTIFICATE_REQUIRED": CLIENT_CERTIFICATE,
    "UNKNOWN_CA": CLIENT_CERTIFICATE,
    "CERTIFICATE_UNKNOWN": CLIENT_CERTIFICATE,
    "before it said anything": "if it speaks TLS, write rediss:// in ETALAGE_REDIS",
    "NOAUTH": "it asks for a password: ETALAGE_REDIS=redis://user:password@…, or ETALAGE_REDIS_PASSWORD_FILE",
    "WRONGPASS": "user or password is wrong: ETALAGE_REDIS, ETALAGE_REDIS_PASSWORD_FILE",
    "without any password configured": "it has no password: leave it out of ETALAGE_REDIS",
    "DB index is out of range": "it has no such database: ETALAGE_REDIS ends in its number",
    "DENIED": "it serves only its own machine until it has a password (protected mode)",
}
"""What to do, by words of the error."""


def connect_error_text(address: object, exc: BaseException, within_s: float, *, tls: bool = False) -> str:
    """Why a connection could not be made, and what to do where that is known, in one line for an operator.

    Args:
        address: where it should lead, without a password.
        exc: what ended the attempt; its cause, if it has one, is told behind it.
        within_s: seconds that the attempt had.
        tls: whether TLS was to be spoken.
    """
    match exc:
        case TimeoutError():
            return _join(f"Redis at {address} does not answer within {within_s:g} s", NO_TLS if tls else "")
        case SSLCertVerificationError():
            return f"Redis at {address}: {bad_certificate_text(exc, 'REDIS')}"
        case SSLError():
            why = str(exc)
        case OSError(errno=int(number)) if number > 0:
            why = os.strerror(number)  # asyncio's own text repeats the address
        case OSError(strerror=str(why)):  # of name servers, whose numbers are negative
            pass
        case OSError():
            why = str(exc)
        case StoreUnavailable(__cause__=BaseException() as cause):
            return f"{exc}: {connect_error_text(address, cause, within_s, tls=tls)}"
        case _:
            return _advise(error_text(exc))  # what Redis said to the greeting, or a defect
    return _advise(f"Redis at {address} does not answer{why and ': '}{why}")


def _advise(text: str) -> str:
    return _join(text, next((advice for words, advice in ADVICE.items() if words in text), ""))


def _join(text: str, advice: str) -> str:
    return f"{text}; {advice}" if advice and advice not in text else text
