"""The motion of a request: ask · answer · withdraw · expire · consume · report. Sees ports, no I/O library."""

from signoff.desk.desk import Desk as Desk
from signoff.desk.plugin import ChatPlugin as ChatPlugin
