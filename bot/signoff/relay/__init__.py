"""Events out: every card converges to its record; requests whose time has passed end; webhooks are sent."""

from signoff.relay.hooks import Hooks as Hooks
from signoff.relay.relay import Relay as Relay
