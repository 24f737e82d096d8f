"""Microsoft Teams as an HTTP server on loopback: login, Bot Connector, signed activities, and people who click."""

from signoff_sim.teams.rules import Failure, Rules
from signoff_sim.teams.sim import TeamsSim

__all__ = ["Failure", "Rules", "TeamsSim"]
