"""Slack as an HTTP and WebSocket server on loopback, with the real limits."""

from signoff_sim.slack.sim import SlackSim

__all__ = ["SlackSim"]
