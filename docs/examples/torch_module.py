"""A torch module with a training loop of its own as a method: trained here, wrapped, ranked.

python docs/examples/torch_module.py    # synthetic faces, seconds; writes runs/torch
"""

import torch

import fldbench

CROP, CONTEXT = 32, 0.25  # px; growth of the box on each end, as a share of its longer side

train = fldbench.load_dataset("synthetic", split="train", faces=60)
crops = fldbench.crop_faces(train.images, train.boxes, CROP, CONTEXT)
pixels = torch.from_numpy(crops.images / 255.0).float().permute(0, 3, 1, 2)
points = torch.from_numpy(crops.to_crop(train.landmarks) / CROP).float().flatten(1)  # in units of the crop's side

torch.manual_seed(0)
network = torch.nn.Sequential(
    torch.nn.Conv2d(3, 8, 5, stride=2),
    torch.nn.ReLU(),
    torch.nn.Conv2d(8, 16, 3, stride=2),
    torch.nn.ReLU(),
    torch.nn.Flatten(),
    torch.nn.Linear(16 * 6 * 6, 2 * 68),
)
network[-1].bias.data = points.mean(0)  # begin at the mean shape
optimiser = torch.optim.Adam(network.parameters(), 1e-3)
for _ in range(40):
    loss = (network(pixels) - points).square().mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


class InCrop(torch.nn.Module):
    """The same network, which answers in pixels of the crop: `wrap` must be told in what, and is right or wrong."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, image):
        return self.network(image) * CROP


# The weights have seen faces before `fit`: tables say which, and a result on one of them stands apart.
method = fldbench.wrap(
    InCrop(network), "ibug-68", crop=CROP, context=CONTEXT, output="crop", trained_on=["synthetic-train"], name="my-net"
)
suite = {
    "name": "torch",
    "train": [{"dataset": "synthetic", "options": {"faces": 60}}],
    "methods": ["mean-shape", method],
    "protocols": ["synthetic-test@first=20"],
}
fldbench.run_suite(suite, out="runs/torch")
print(fldbench.leaderboard("runs/torch"))
