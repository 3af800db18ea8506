"""Compares the batch-norm layer of the exported train.py with what the kit's gave: python train_modes.py FOLDER.

cases.safetensors holds the inputs, and for each case outputs, gradients and running statistics; the settings name mode and options of each.
"""
import json
import os
import sys

folder = sys.argv[1]
sys.path.insert(0, folder)

import torch  # noqa: E402
from torch import nn  # noqa: E402
from train import BatchNorm  # noqa: E402
from unet_resnet50 import read  # noqa: E402

tensors, settings = read(os.path.join(folder, "cases.safetensors"))
inputs, weights = tensors["inputs"], tensors["weights"]
for number, case in enumerate(json.loads(settings["cases"])):
    plain = nn.BatchNorm2d(inputs.shape[2])
    plain.load_state_dict({key: tensors["start." + key] for key in ("weight", "bias", "running_mean", "running_var")}, strict=False)
    layer = BatchNorm(plain, case["options"])
    layer.set_mode(case["mode"])
    layer.train()
    found = {}
    for step, x in enumerate(inputs):
        x = x.clone().requires_grad_()
        y = layer(x)
        (y * weights).sum().backward()
        found["output%d" % step], found["gradient%d" % step] = y.detach(), x.grad
    layer.eval()
    found.update(inference=layer(inputs[0]).detach(), running_mean=layer.running_mean, running_var=layer.running_var)
    trains = layer.weight.requires_grad
    found["weight_gradient"] = layer.weight.grad if trains else torch.zeros(inputs.shape[2])
    for key, value in found.items():
        expected = tensors["%d.%s" % (number, key)]
        difference = float((value - expected).abs().max() / (1 + expected.abs().max()))
        if not difference <= 1e-5:
            sys.exit("%s: %s differs by %.3g" % (case, key, difference))
print("the same")
