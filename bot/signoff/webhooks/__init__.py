"""Telling an address of the agent how a request ended, as Standard Webhooks describes it."""
