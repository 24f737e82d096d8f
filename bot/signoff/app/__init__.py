"""The composition root: one process from one Config. Chats are found by entry point, so no platform is named here."""

from signoff.app.rules import load_policy as load_policy
from signoff.app.rules import read_policy as read_policy
from signoff.app.server import Running as Running
from signoff.app.server import address as address
from signoff.app.server import open_store as open_store
from signoff.app.server import running as running
from signoff.app.server import serve as serve
