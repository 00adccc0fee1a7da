"""Tables of simulated results, sound or with one planted error, as CSV, Markdown and LaTeX."""

import numpy as np

from fldbench import metrics

FACES = {"common": 554, "challenging": 135}
KINDS = (
    "AUC below 1 - NME / t",
    "AUC above 1 - FR",
    "FR at 10 % above FR at 8 %",
    "FR of no whole number of faces",
    "full is not the mean of its parts",
    "full by another normaliser",
    "two normalisers with one number",
    "AUC at 8 % printed under 10 %",
)
METHODS = 5
HEADINGS = {
    "common": "Common NME inter-ocular",
    "challenging": "Challenging NME inter-ocular",
    "full": "Full NME inter-ocular",
    "pupil": "Full NME inter-pupil",
    "fr8": "Full FR@8% inter-ocular",
    "auc8": "Full AUC@8% inter-ocular",
    "fr10": "Full FR@10% inter-ocular",
    "auc10": "Full AUC@10% inter-ocular",
}


def made_row(rng):
    """The numbers of one simulated method on 300-W, in percent, unrounded."""
    size = rng.uniform(0.01, 0.025)
    parts = [rng.gamma(3, size / 3 * harder, n) for n, harder in ((554, 1.5), (135, 3.0))]
    errors = np.concatenate(parts)
    ratio = rng.uniform(1.38, 1.46, len(errors))
    row = {"common": parts[0].mean(), "challenging": parts[1].mean(), "full": errors.mean()}
    row |= {"pupil": (errors * ratio).mean()}
    for t in (8, 10):
        row |= {f"fr{t}": metrics.failure_rate(errors, t / 100), f"auc{t}": metrics.auc(errors, t / 100)}
    return {name: 100 * value for name, value in row.items()}


def plant(row, kind, rng):
    """Return a row with an error of a kind; it is further off than rounding and the rules of the AUC reach."""
    row, n = dict(row), sum(FACES.values())
    if kind == KINDS[0]:
        row["auc8"] = max(0.0, 100 * (1 - row["full"] / 8) - rng.uniform(0.5, 20))
    elif kind == KINDS[1]:
        row["auc8"] = 100 - row["fr8"] + rng.uniform(0.3, 5)
    elif kind == KINDS[2]:
        row["fr10"] = row["fr8"] + 100 * rng.integers(1, 20) / n
    elif kind == KINDS[3]:
        row["fr8"] = 100 * (round(row["fr8"] * n / 100) + 0.5) / n
    elif kind == KINDS[4]:
        row["full"] = row["full"] + rng.choice([-1, 1]) * rng.uniform(0.05, 0.6)
    elif kind == KINDS[5]:
        row["full"] = row["pupil"]
    elif kind == KINDS[6]:
        row["pupil"] = row["full"]
    else:
        row["auc10"] = min(row["auc8"], 100 * (1 - row["full"] / 10) - 0.5)
    return row


def made_table(seed, kind=None):
    """Return the names of rows with their numbers, and the place of the planted one."""
    rng = np.random.default_rng(seed)
    rows = [made_row(rng) for _ in range(METHODS)]
    place = int(rng.integers(METHODS))
    if kind is not None:
        rows[place] = plant(rows[place], kind, rng)
    return rows, place


def written(rows, ending, decimals=2):
    """Return the text of a table, and the line of each row."""
    cells = [[f"{row[name]:.{decimals}f}" for name in HEADINGS] for row in rows]
    names = [f"method {i}" for i in range(len(rows))]
    headings = ["Method", *HEADINGS.values()]
    if ending == "csv":
        lines = [",".join(headings).replace("@", "@"), *(",".join([n, *c]) for n, c in zip(names, cells, strict=True))]
        lines[0] = lines[0].replace("Common", "300W common").replace("Challenging", "300W challenging")
        lines[0] = lines[0].replace("Full", "300W full")
        return "\n".join(lines) + "\n", list(range(2, len(rows) + 2))
    if ending == "md":
        lines = ["Results on 300-W", "", "| " + " | ".join(headings) + " |", "|---" * len(headings) + "|"]
        lines += ["| " + " | ".join([n, f"**{c[0]}**", *c[1:]]) + " |" for n, c in zip(names, cells, strict=True)]
        return "\n".join(lines) + "\n", list(range(5, len(rows) + 5))
    lines = [r"\begin{table}\caption{Results on 300-W}", r"\begin{tabular}{l" + "r" * len(HEADINGS) + r"}\toprule"]
    lines += [" & ".join(headings).replace("%", r"\%") + r" \\ \midrule"]
    lines += [" & ".join([n, rf"\textbf{{{c[0]}}}", *c[1:]]) + r" \\" for n, c in zip(names, cells, strict=True)]
    return "\n".join([*lines, r"\bottomrule\end{tabular}\end{table}"]) + "\n", list(range(4, len(rows) + 4))
