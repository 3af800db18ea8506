"""Weights files and the five outputs of the encoder that an independent implementation computes from them, for EncoderOutputsTests.

    /usr/bin/python3 tests/golden/encoder_outputs.py FORM WEIGHTS OUTPUTS

FORM keras1 or applications writes an .h5 of width 64 (keras_h5.py), reads it back with h5py, and runs the network of keras_resnet50.py. FORM torchvision writes
the state dict of torchvision's resnet50 with random numbers, and runs the network below. Everything is computed in float64. OUTPUTS is a state dict of inputs
("input 64x64") and outputs ("64x64 0" to "64x64 4") for an even and an odd size; for torchvision also the logits and the number of parameters.

Why the network below can be trusted: it is written down from the paper's table and torchvision's documentation of resnet50 ("ResNet V1.5": the stride sits in
the 3x3), with modules of PyTorch whose names are the keys of the published file, and shares nothing with the kit.
"""
import runpy
import sys
from pathlib import Path

import h5py
import numpy as np
import torch
from torch import nn

import keras_resnet50
from keras_names import layers

SIZES = [(64, 64), (65, 71)]


class Bottleneck(nn.Module):
    def __init__(self, inputs, inner, stride):
        super().__init__()
        outputs = 4 * inner
        self.conv1 = nn.Conv2d(inputs, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        return torch.relu(self.bn3(self.conv3(y)) + (x if self.downsample is None else self.downsample(x)))


class ResNet50(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = 64
        for stage, blocks in enumerate((3, 4, 6, 3)):
            inner = 64 * 2**stage
            layer = []
            for block in range(blocks):
                layer.append(Bottleneck(channels, inner, 2 if block == 0 and stage > 0 else 1))
                channels = 4 * inner
            setattr(self, "layer%d" % (stage + 1), nn.Sequential(*layer))
        self.fc = nn.Linear(channels, 1000)

    def features(self, x):
        outputs = [torch.relu(self.bn1(self.conv1(x)))]
        x = self.pool(outputs[0])
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
            outputs.append(x)
        return outputs


def torchvision(path, results, inputs):
    torch.manual_seed(1)
    network = ResNet50()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for numbers, low, high in ((module.weight, 0.8, 1.2), (module.bias, -0.1, 0.1), (module.running_mean, -0.1, 0.1), (module.running_var, 1, 2)):
                nn.init.uniform_(numbers, low, high)
        elif isinstance(module, nn.Conv2d):
            nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
    torch.save(network.state_dict(), path)
    results["parameters"] = torch.tensor(sum(p.numel() for n, p in network.named_parameters() if not n.startswith("fc.")))
    network = network.double().eval()
    for size, x in inputs.items():
        outputs = network.features(x)
        add(results, size, outputs)
        results[size + " logits"] = network.fc(outputs[-1].mean((2, 3))).float()


def keras(form, path, results, inputs):
    arguments = sys.argv
    sys.argv = ["", form, "64", path]
    runpy.run_path(str(Path(__file__).parent / "keras_h5.py"), run_name="__main__")
    sys.argv = arguments
    weights = {}
    with h5py.File(path, "r") as file:
        for kit, applications, kind, _ in layers(64, False):
            group = file[applications if form == "applications" else kit]
            parts = ["weight", "bias", "running_mean", "running_var"]
            for part, name in zip(parts, group.attrs["weight_names"]):
                array = torch.from_numpy(group[name.decode()][()].astype(np.float64))
                weights[kit + "." + part] = array.permute(3, 2, 0, 1) if kind == "conv" and part == "weight" else array
    # Its functions take their numbers from the file instead of the hash, and the epsilon of the file's generation.
    keras_resnet50.fill = lambda key, shape, *_: weights[key].reshape(shape)
    keras_resnet50.EPSILON = 1.001e-5 if form == "applications" else 1e-3
    for size, x in inputs.items():
        add(results, size, keras_resnet50.encoder(x, 64, "symmetric" if form == "applications" else "same"))


def add(results, size, outputs):
    for index, output in enumerate(outputs):
        results["%s %d" % (size, index)] = output.float()


def main():
    form, path, target = sys.argv[1:]
    torch.manual_seed(0)
    inputs = {"%dx%d" % size: torch.randn(1, 3, *size).double() for size in SIZES}
    results = {"input " + size: x.float() for size, x in inputs.items()}
    with torch.no_grad():
        if form == "torchvision":
            torchvision(path, results, inputs)
        else:
            keras(form, path, results, inputs)
    torch.save(results, target)


main()
