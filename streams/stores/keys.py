"""Every Redis key and channel, built in one place.

All keys of a partition carry the tag `{<namespace>.<partition>}`, so each script touches one cluster slot.
"""

from __future__ import annotations

from msgspec import Struct

from schemas.ids import VisitorId

FORMAT = 1
"""Version of the key layout, kept in `<ns>:meta`; other code must not read these keys."""


class Keys(Struct, frozen=True):
    """The names of one namespace.

    Args:
        namespace: 1 to 20 of a-z, 0-9 and `-`, as the settings allow: no brace, dot or colon.
    """

    namespace: str

    @property
    def meta(self) -> str:
        """JSON: topic id, partition count, key format. Never expires."""
        return f"{self.namespace}:meta"

    @property
    def api_keys(self) -> str:
        """Hash: id -> JSON of an API key, see stores.api_keys. Never expires."""
        return f"{self.namespace}:keys"

    def spent(self, window: int, kind: str, owner: str) -> str:
        """Integer: ms that a visitor, an address or an API key spent in a window. Expires after seconds."""
        return f"{self.namespace}:spent:{window}:{kind}:{owner}"

    def own(self, partition: int) -> str:
        """Hash: e (epoch), g (generation), i (incarnation), at (claimed, s), w (owner), done, part, fresh.

        Generation is Kafka's of the group. `done` is absent until a first chunk is applied. `fresh` is the
        moment (epoch ms of Redis' clock) up to which every record was applied when its owner last reported.
        Never expires.
        """
        return f"own:{{{self.namespace}.{partition}}}"

    def state(self, partition: int, visitor: VisitorId) -> str:
        """String: the packed state. Expires with its visitor, see Lifetimes."""
        return f"s:{{{self.namespace}.{partition}}}:{visitor}"

    def window(self, partition: int, visitor: VisitorId) -> str:
        """String: message ids counted before the newest ones, packed. Expires, see Lifetimes."""
        return f"m:{{{self.namespace}.{partition}}}:{visitor}"

    def layout(self, partition: int, visitor: VisitorId) -> str:
        """Hash: h (head bytes), b (body bytes) of the live layout; both or none. Expires, see Lifetimes."""
        return f"l:{{{self.namespace}.{partition}}}:{visitor}"

    def quarantine(self, partition: int) -> str:
        """Hash: key of what was set aside -> JSON, what was found where. Expires as states do."""
        return f"quarantine:{{{self.namespace}.{partition}}}"

    def quarantined_state(self, partition: int, visitor: VisitorId, nonce: str) -> str:
        """Whatever stood in the place of a visitor's state or window, set aside. Expires as states do."""
        return f"q:{{{self.namespace}.{partition}}}:{visitor}:{nonce}"

    def channel(self, partition: int) -> str:
        """Sharded channel: one message per script that wrote visitors."""
        return f"n:{{{self.namespace}.{partition}}}"

    def partition_of_channel(self, channel: str) -> int:
        """The partition that a message of `channel` is about.

        Raises:
            ValueError: `channel` is none that these keys name.
        """
        return int(channel[channel.rindex(".") + 1 : -1])
