"""Events out: every card converges to its record; requests whose time has passed end."""

from signoff.relay.relay import Relay as Relay
