"""Records -> leaderboard, ablation and tables. Never runs a method."""

from fldbench.report.ablation import Ablation, ablation
from fldbench.report.evidence import check_evidence
from fldbench.report.leaderboard import Leaderboard, leaderboard
from fldbench.report.robustness import Robustness, robustness

__all__ = ["Ablation", "Leaderboard", "Robustness", "ablation", "check_evidence", "leaderboard", "robustness"]
