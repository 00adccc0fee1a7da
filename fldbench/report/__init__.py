"""Records -> leaderboard and tables. Never runs a method."""

from fldbench.report.evidence import check_evidence
from fldbench.report.leaderboard import Leaderboard, leaderboard

__all__ = ["Leaderboard", "check_evidence", "leaderboard"]
