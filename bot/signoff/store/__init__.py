"""Where records live: a real Redis, or the memory twin that behaves the same. The only room that knows Redis."""

from signoff.store.embedded import EmbeddedRedis as EmbeddedRedis
from signoff.store.embedded import start_embedded as start_embedded
from signoff.store.memory import MemoryStore as MemoryStore
from signoff.store.redis import RedisStore as RedisStore
