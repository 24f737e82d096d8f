"""The store on a real Redis (6.2 or newer, or Valkey), single or cluster."""

from signoff.store.redis.store import RedisStore as RedisStore
