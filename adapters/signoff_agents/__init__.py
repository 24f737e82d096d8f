"""Signoff in agent frameworks: one module each, on that framework and the agent's side alone.

`plain` is for functions of any kind; `gating` is what all of them stand on.
"""
