"""The store in memory, for tests and try-outs: the same answers as Redis, for one process and until it ends."""

from signoff.store.memory.store import MemoryStore as MemoryStore
