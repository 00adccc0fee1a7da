"""Records -> leaderboard, comparison, ablation and tables. Never runs a method."""

from fldbench.report.ablation import Ablation, ablation
from fldbench.report.evidence import check_evidence
from fldbench.report.face_comparison import FaceComparison, compare
from fldbench.report.face_errors import rows_in
from fldbench.report.leaderboard import Leaderboard, leaderboard
from fldbench.report.robustness import Robustness, robustness

__all__ = [
    "Ablation",
    "FaceComparison",
    "Leaderboard",
    "Robustness",
    "ablation",
    "check_evidence",
    "compare",
    "leaderboard",
    "robustness",
    "rows_in",
]
