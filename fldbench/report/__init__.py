"""Records -> leaderboard and tables. Never runs a method."""

from fldbench.report.leaderboard import Leaderboard, leaderboard

__all__ = ["Leaderboard", "leaderboard"]
