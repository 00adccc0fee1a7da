"""Every registered method that needs no file, with parameters for a handful of faces."""

from fldbench.registry import table

SMALL = {
    "mean-shape": {},
    "ert": {"stages": 3, "trees": 30, "copies": 4, "candidates": 8},
    "hog-ridge": {"stages": 2, "grid": 2, "bins": 4, "starts": 3, "crop_size": 100},
    "sdm": {"stages": 2, "grid": 2, "bins": 4, "starts": 3, "crop_size": 100},
    "lbf": {
        "stages": 3,
        "trees": 4,
        "depth": 3,
        "candidates": 40,
        "pool": 60,
        "crop_size": 64,
        "ridge": 50.0,
        "folds": 3,
    },
    "asm": {"levels": 2, "first_size": 24.0, "last_size": 40.0, "grid": 3, "cell": 5, "crop_size": 64},
    "linear": {"crop_size": 48, "copies": 2},
    "average": {"methods": ["mean-shape", "linear"], "params": {"linear": {"crop_size": 48, "copies": 2}}},
    "stack": {"methods": ["mean-shape", "linear"], "params": {"linear": {"crop_size": 48, "copies": 2}}, "folds": 2},
    "two-pass": {"method": "linear", "params": {"crop_size": 48, "copies": 2}},
    "upright": {"method": "linear", "params": {"crop_size": 48, "copies": 2}},
    "compact": {"method": "linear", "params": {"crop_size": 48, "copies": 2}, "weights": "float16"},
    "profiled": {"method": "linear", "params": {"crop_size": 48, "copies": 2}, "share": 0.5},
    "hog-heads": {
        "tasks": ["landmarks", "smile", "pose"],
        "landmark_params": {"stages": 2, "grid": 2, "bins": 4, "starts": 3, "crop_size": 100},
        "crop_size": 48,
        "padding": 0.2,
        "penalty": 100.0,
    },
    "hybrid": {
        "first": "linear",
        "first_params": {"crop_size": 48, "copies": 2},
        "second_params": {"stages": 1, "grid": 2, "bins": 4, "starts": 2, "crop_size": 100},
        "folds": 2,
    },
    "cnn-small": {"size": 32, "epochs": 3},
    "nose-net": {"width": 32, "height": 32, "epochs": 1},
    "five-conv": {"width": 80, "height": 70, "epochs": 1},
    "naimish-net": {"size": 32, "epochs": 1},
    "alexnet-elu": {"size": 63, "epochs": 1, "batch_size": 24},
    "resnet50-wing": {"depth": 18, "size": 32, "epochs": 1},
    "vggface-transfer": {"size": 32, "epochs": 1},
    "mobilenet-0.3": {"size": 32, "epochs": 4},
    "heatmap": {"size": 32, "width": 8, "epochs": 2},
    "fld-net": {
        "size": 32,
        "width": 8,
        "head": 16,
        "epochs": 10,
        "learning_rate": 0.01,
        "batch_size": 8,
        "augmentation": "none",
        "training": {"ema": 0.0},
    },
    "tcdcn": {"epochs": 2},
    "mtfld": {"epochs": 2},
}
# 48 faces are too few for these to beat the mean shape.
NETWORKS = {name for name, target in table("method").items() if ".cnn." in target}
