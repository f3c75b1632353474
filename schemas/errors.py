"""All errors of the project, and what a caller does with each.

EtalageError
├── InvalidEvent       the record is wrong               → bury
├── InvalidDocument    a catalogue, storefront or request is wrong → refuse, naming the field
├── InvalidSetting     an ETALAGE_ variable is wrong      → do not start
├── InvalidToken       a version or token we never issued → refuse
├── UnknownVersion     a packed state newer than this code → halt, never overwrite
├── QuarantineFull     too many states are unreadable    → halt
├── StoreUnavailable   Redis did not answer              → retry, then halt
├── StreamUnavailable  Kafka did not answer              → retry, then halt
├── Fenced             another owner has the partition   → forget, do not acknowledge
├── Regressed          Redis forgot its last writes      → seek to where it stands
├── RankerFailed       the model did not answer          → understudy
├── FingerprintMismatch a feature the model learnt is gone or changed → refuse the model
├── DeadLetterLimit    too many burials                  → halt
└── ServiceMissing     a server that cannot be had       → one line that says what to do
"""


class EtalageError(Exception):
    """Root of all errors raised on purpose; the text is one line for a person."""


class InvalidEvent(EtalageError):
    """The record can never be applied; `reason` is a DeadLetterReason, also used as a metric label.

    `hint` names a field that may have been meant for the one that is missing.
    """

    def __init__(self, message: str, *, reason: str = "invalid", hint: str = "") -> None:
        super().__init__(message)
        self.reason, self.hint = reason, hint


class InvalidDocument(EtalageError):
    """A document or request is wrong; `field` is a JSON path such as `$.items[3].price`."""

    def __init__(self, message: str, *, field: str = "$") -> None:
        super().__init__(message)
        self.field = field


class InvalidSetting(EtalageError):
    """A setting is unknown or cannot be used; the text names the variable."""


class InvalidToken(EtalageError):
    """Text that is not a version which this system issued."""


class UnknownVersion(EtalageError):
    """A packed state written by newer code."""


class QuarantineFull(EtalageError):
    """So many states are unreadable that it is not the trouble of single visitors."""


class StoreUnavailable(EtalageError):
    """Redis did not answer in time, or answered that it cannot serve now; retrying may help."""


class KeyUnreadable(StoreUnavailable):
    """Redis answers, but a key of this visitor holds a value that this system does not write."""


class StreamUnavailable(EtalageError):
    """Kafka did not answer in time, or a required topic does not exist; retrying may help."""


class Fenced(EtalageError):
    """Another owner claimed this partition: nothing may be written or acknowledged for it any more."""


class Regressed(EtalageError):
    """Redis lost its last writes (crash, restore or flush); `done` is the checkpoint it holds now."""

    def __init__(self, message: str, *, done: int | None) -> None:
        super().__init__(message)
        self.done = done


class RankerFailed(EtalageError):
    """The ranking model cannot be loaded, or did not return finite scores of the right shape."""


class FingerprintMismatch(EtalageError):
    """A model learnt a feature that this code does not compute, or computes otherwise."""


class DeadLetterLimit(EtalageError):
    """More of the last records than the allowed share could not be applied."""


class ServiceMissing(EtalageError):
    """A required server or program is missing; the text says what to install or set."""


def error_text(exc: BaseException) -> str:
    """Return the exception's text; the name of its type when it has none, as with timeouts."""
    return str(exc) or type(exc).__name__


def number_text(kind: type, least: float | None, most: float | None) -> str:
    """What number is expected, for a person: `a whole number from 0 to 65535`."""
    what = "a whole number" if kind is int else "a number"
    match least, most:
        case None, None:
            return what
        case None, _:
            return f"{what} of at most {most}"
        case _, None:
            return f"{what} of at least {least}"
        case _:
            return f"{what} from {least} to {most}"
