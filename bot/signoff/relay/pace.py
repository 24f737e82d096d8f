"""How long things may take, and how often they are tried."""

from __future__ import annotations

from datetime import timedelta

WORKERS = 8
CALL = 15.0
"""Seconds that one call to a chat may take."""
LEASE = 60.0
"""Seconds; longer than a request can take: its places are served together, each with three calls at most. After a
kill -9 somebody else goes on when it has lapsed."""
RECORDING = 20.0
"""Seconds to try to write down where a card is. Giving up costs a second card where a chat cannot be searched."""
IDLE = 30.0
"""Seconds between looks at the outbox when no event arrives."""
FIRST_RETRY = 1.0
LONGEST_RETRY = 60.0
"""Seconds; retries double in between, with jitter."""
STORE_RETRY = 0.5
"""Seconds between attempts to reach the store with something in hand."""
GIVE_UP = timedelta(hours=24)
"""How long after its last change the cards of a request that has ended are still tried."""
COUNTED = 10_000
"""Requests whose failures are counted. A forgotten one begins again with short delays."""
FINISH = 2.0
"""Seconds that calls under way get when the process stops."""
GATHER = 1.0
"""Seconds in which changes of several requests come together before the card they share is drawn."""
REPAINT = 2.0
"""Seconds between repaints of such a card while it goes on changing: chats take about one a second for each place, and
other cards want some of that."""
