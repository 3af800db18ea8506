"""The benchmark's steps in plain PyTorch, as one would write them there; each is run and timed when its name comes in on stdin.

    python unet.py FOLDER SIDE BATCH THREADS

FOLDER holds the network's twin (unet_resnet50.py) and its weights (model.safetensors), as `lab export --to pytorch` writes them.
Prints "ready", then the milliseconds of each step asked for: frozen, full or infer.
"""
import os
import sys
import time

import torch
import torch.nn.functional as F

folder, side, batch, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
sys.path.insert(0, folder)
from unet_resnet50 import load  # noqa: E402

torch.set_num_threads(threads)
torch.manual_seed(0)
images = torch.randn(batch, 3, side, side) * 60
masks = (torch.rand(batch, 1, side, side) < 0.3).float()


def network():
    return load(os.path.join(folder, "model.safetensors"))


def training(frozen):
    """A step with the encoder frozen the right way, or of everything."""
    model = network()
    model.train()
    if frozen:
        model.encoder.requires_grad_(False)
        model.encoder.eval()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=1e-4)

    def step():
        loss = F.binary_cross_entropy_with_logits(model(images), masks)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def inference():
    model = network()

    def step():
        with torch.no_grad():
            return model(images).sigmoid()

    return step


steps = {"frozen": lambda: training(True), "full": lambda: training(False), "infer": inference}
made = {}
print("ready", flush=True)
for line in sys.stdin:
    name = line.strip()
    if name not in made:
        made[name] = steps[name]()
        made[name]()
    start = time.perf_counter()
    made[name]()
    print("%.3f" % ((time.perf_counter() - start) * 1000), flush=True)
