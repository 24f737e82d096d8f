"""The demo: a company in a box. Both chats simulated, a real bot, a real agent, on this machine only."""
