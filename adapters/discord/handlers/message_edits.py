"""Which updates of a message tell that its writer changed it.

Discord sends the same event when a message is pinned, gets the preview of a link or a thread; it carries the
words as they stand in the chat and the time of their last edit. The passage may read otherwise since, where
its writer changed it by form. So an edit is followed once, by its time.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from cachetools import FIFOCache

REMEMBERED = 5000
CLOCKS_DIFFER = timedelta(minutes=1)
"""How far this machine's clock may be ahead of Discord's."""


class SeenEdits:
    """Tells edits that are news from those that were made before `since` or told before."""

    def __init__(self, since: datetime, remembered: int = REMEMBERED) -> None:
        self._since = since
        self._told = FIFOCache[int, datetime](remembered)

    def is_new(self, message_id: int, edited_at: datetime | None) -> bool:
        """Whether this edit is told for the first time; `edited_at` None: the message never was edited."""
        if edited_at is None or edited_at <= self._told.get(message_id, self._since):
            return False
        if message_id not in self._told and len(self._told) == self._told.maxsize:
            # Edits come in the order of their times: what is older than a forgotten one is no news either.
            self._since = max(self._since, self._told.popitem()[1])
        self._told[message_id] = edited_at
        return True
