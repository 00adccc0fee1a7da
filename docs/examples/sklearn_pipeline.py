"""A pipeline of scikit-learn as a method: wrapped, ranked beside the mean shape, saved without a pickle.

python docs/examples/sklearn_pipeline.py    # synthetic faces, seconds; writes runs/sklearn and pca-ridge.safetensors
"""

from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

import fldbench

# It is fitted on grey crops of 32 px, and learns where the points lie in them.
pipeline = make_pipeline(PCA(20, random_state=0), Ridge(1.0))
method = fldbench.wrap(pipeline, "ibug-68", crop=32, colour="grey", name="pca-ridge")

suite = {
    "name": "sklearn",
    "train": [{"dataset": "synthetic", "options": {"faces": 60}}],
    "methods": ["mean-shape", method],
    "protocols": ["synthetic-test@first=20", "synthetic-test@boxes=jittered:0.10,first=20"],
}
fldbench.run_suite(suite, out="runs/sklearn")
print(fldbench.leaderboard("runs/sklearn"))

method.fit(fldbench.load_dataset("synthetic", split="train", faces=60))
print("saved:", method.save("pca-ridge.safetensors"))
