"""Signoff: a person approves what an AI agent is about to do."""
