"""An ONNX file as a method. How it wants its crops is in its documentation; here in its metadata.

python docs/examples/onnx_file.py    # synthetic faces, seconds; writes net.onnx and runs/onnx; needs fldbench[onnx]
"""

import json

import onnx

import fldbench
from fldbench.cnn.export import export_onnx

# Somebody's file. Here a network of fldbench, hardly trained, so that the example has one.
faces = fldbench.load_dataset("synthetic", split="train", faces=60)
export_onnx(fldbench.make_method("cnn-small", size=32, epochs=2).fit(faces), "net.onnx")

view = json.loads(onnx.load("net.onnx").metadata_props[0].value)
method = fldbench.wrap(
    "net.onnx",
    view["scheme"],
    crop=view["width"],
    context=view["padding"],
    colour="rgb" if view["channels"] == 3 else "grey",
    values="0..255",  # it normalises pixels itself
    output="crop",  # it answers in pixels of the crop
    trained_on=["synthetic-train"],
)
suite = {
    "name": "onnx",
    "train": [{"dataset": "synthetic", "options": {"faces": 60}}],
    "methods": ["mean-shape", method],
    "protocols": ["synthetic-test@first=20"],
}
fldbench.run_suite(suite, out="runs/onnx")
print(fldbench.leaderboard("runs/onnx"))
