"""The package map and the metadata. baselines/, cnn/ and datasets/ are installed inside fldbench, never beside it."""

from pathlib import Path

from setuptools import find_packages, setup

PLUGIN_FOLDERS = ("baselines", "cnn", "datasets")
DOCS = ["mkdocs>=1.6,<2", "mkdocs-material>=9.7", "mkdocstrings[python]>=1.0"]


def packages_below(folder: str) -> list[str]:
    return [folder, *(f"{folder}.{name}" for name in find_packages(folder))]


setup(
    name="fldbench",
    version="0.1.0",
    description="Honest benchmarks of facial landmark detectors: classical methods and CNNs under named protocols",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="BSD-3-Clause",
    author="The fldbench developers",
    python_requires=">=3.11",
    package_dir={f"fldbench.{folder}": folder for folder in PLUGIN_FOLDERS},
    packages=[
        *packages_below("fldbench"),
        *(f"fldbench.{name}" for folder in PLUGIN_FOLDERS for name in packages_below(folder)),
    ],
    package_data={
        "fldbench": [
            *("*.yaml", "*/*.yaml", "*/*.csv", "py.typed", "report/page/files/*", "kit/templates/*.txt"),
            "models/*",
        ]
    },
    install_requires=[
        "numpy>=2.0",
        "scipy>=1.13",
        "scikit-learn>=1.5",
        "joblib>=1.4",
        "cloudpickle>=3.0",
        "numba>=0.61",
        "threadpoolctl>=3.5",
        "matplotlib>=3.10.8",
        "jinja2>=3.1",
        "h5py>=3.11",
        "opencv-contrib-python-headless>=4.10.0.84,<5",
        "dlib-bin>=20.0.1",
        "torch>=2.6",
        "torchjd>=0.18,<0.19",
        "lightning-fabric>=2.5",
        "pandas>=2.2.2",
        "platformdirs>=4.2",
        "pydantic>=2.7",
        "PyYAML>=6.0",
        "typer>=0.29",
        "rich>=13.8",
        "safetensors>=0.4.5",
    ],
    extras_require={
        "media": ["av>=14.1"],
        "onnx": ["onnx>=1.18", "onnxruntime>=1.22"],
        "dask": ["distributed>=2025.1"],
        "share": ["fsspec>=2025.3"],
        "docs": DOCS,
        "dev": [
            *DOCS,
            "distributed>=2025.1",
            "fsspec>=2025.3",
            "pytest>=8.2",
            "pytest-xdist>=3.6.1",
            "statsmodels>=0.14.5",
            "coverage>=7.6",
            "hypothesis>=6.120",
            "ruff>=0.8",
            "mypy>=2.0",
            "pandas-stubs>=3.0",
            "types-PyYAML>=6.0",
            "build>=1.2",
            "setuptools>=77.0.3",
            "av>=14.1",
            "onnx>=1.18",
            "onnxruntime>=1.22",
            "playwright>=1.50",
            "axe-playwright-python>=0.1.4",
        ],
    },
    entry_points={
        "console_scripts": ["fldbench = fldbench.cli.app:main"],
        "fldbench.methods": [],
        "fldbench.datasets": [],
        "fldbench.detectors": [],
        "fldbench.protocols": [],
    },
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3.11",
        "Topic :: Scientific/Engineering :: Image Recognition",
    ],
)
