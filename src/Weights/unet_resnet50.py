"""The U-Net on ResNet50 that model.safetensors was trained in, as a PyTorch module with the same state names and the same logits.

    from unet_resnet50 import load
    model = load("model.safetensors")      # in eval mode
    logits = model(images)                 # (N, 3, H, W), sides divisible by 32 -> (N, classes, H, W); sigmoid (1 class) or softmax gives probabilities
    save(model, "trained.safetensors")     # UNetResNet50.Load(path) in C# takes it back

Images are prepared as for the encoder's weights; for Keras's and the kit's own: RGB to BGR, minus (103.939, 116.779, 123.68), no scaling.

    python unet_resnet50.py                # compares with the logits in check.safetensors

To train the decoder alone, write model.encoder.requires_grad_(False), and model.encoder.eval() after EVERY model.train(). Otherwise the encoder is
normalised by each batch in training and by its running statistics afterwards: two different networks.

Needs PyTorch 1.10 or later and nothing else.
"""
import ctypes
import json
import os
import struct
import sys

import torch
import torch.nn.functional as F
from torch import nn

STAGES = {2: "abc", 3: "abcd", 4: "abcdef", 5: "abc"}


def pad(x, size, padding, value):
    """Pads for a window of stride 2: "same" as TensorFlow does, with the odd pixel below and on the right, or the same on all sides."""
    sides = []
    for side in (x.shape[3], x.shape[2]):
        total = max((side + 1) // 2 * 2 - 2 + size - side, 0) if padding == "same" else size // 2 * 2
        sides += [total // 2, total - total // 2]
    return F.pad(x, sides, value=value)


class Encoder(nn.Module):
    """ResNet50 under Keras's names of layers; gives the feature maps after activation_1, _10, _22, _40 and _49."""

    def __init__(self, width, bias, norm, padding, stride):
        super().__init__()
        self.padding = padding
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, bias=bias)
        self.bn_conv1 = nn.BatchNorm2d(width, **norm)
        inputs = width
        for stage, letters in STAGES.items():
            inner = width * 2 ** (stage - 2)
            for letter in letters:
                step = 2 if letter == "a" and stage > 2 else 1
                branches = [
                    ("2a", inputs, inner, 1, step if stride == "1x1" else 1),
                    ("2b", inner, inner, 3, step if stride == "3x3" else 1),
                    ("2c", inner, 4 * inner, 1, 1),
                ]
                if letter == "a":
                    branches.append(("1", inputs, 4 * inner, 1, step))
                for branch, i, o, size, s in branches:
                    name = "%d%s_branch%s" % (stage, letter, branch)
                    self.add_module("res" + name, nn.Conv2d(i, o, size, s, padding=size // 2, bias=bias))
                    self.add_module("bn" + name, nn.BatchNorm2d(o, **norm))
                inputs = 4 * inner

    def branch(self, name, x):
        return getattr(self, "bn" + name)(getattr(self, "res" + name)(x))

    def forward(self, x):
        x = F.relu(self.bn_conv1(self.conv1(pad(x, 7, self.padding, 0.0))))
        features = [x]
        x = F.max_pool2d(pad(x, 3, self.padding, float("-inf")), 3, stride=2)
        for stage, letters in STAGES.items():
            for letter in letters:
                name = "%d%s_branch" % (stage, letter)
                y = F.relu(self.branch(name + "2a", x))
                y = F.relu(self.branch(name + "2b", y))
                y = self.branch(name + "2c", y)
                x = F.relu(y + (self.branch(name + "1", x) if letter == "a" else x))
            features.append(x)
        return features


class Decoder(nn.Module):
    """Five times: double by repetition, append the encoder's map of that size, convolve twice."""

    def __init__(self, channels, filters, classes, norm, dropout):
        super().__init__()
        inputs = channels[-1]
        for stage, (skip, outputs) in enumerate(zip(channels[-2::-1] + [0], filters)):
            for half, i in ((1, inputs + skip), (2, outputs)):
                name = "conv%d_%d" % (stage + 6, half)
                self.add_module(name + "_conv", nn.Conv2d(i, outputs, 3, padding=1))
                if norm:
                    self.add_module(name + "_bn", nn.BatchNorm2d(outputs, **norm))
            inputs = outputs
        self.batch_norm = bool(norm)
        self.spatial_dropout2d = nn.Dropout2d(dropout)
        self.prediction = nn.Conv2d(inputs, classes, 1)

    def forward(self, features):
        x = features[-1]
        for stage, skip in enumerate(features[-2::-1] + [None]):
            x = F.interpolate(x, scale_factor=2, mode="nearest")
            if skip is not None:
                x = torch.cat([x, skip], dim=1)
            for half in (1, 2):
                name = "conv%d_%d" % (stage + 6, half)
                x = getattr(self, name + "_conv")(x)
                x = F.relu(getattr(self, name + "_bn")(x) if self.batch_norm else x)
        return self.prediction(self.spatial_dropout2d(x))


class UNetResNet50(nn.Module):
    """Built from the settings that stand in the header of model.safetensors, which stay with it for save."""

    def __init__(self, header):
        super().__init__()
        self.header = header
        options = json.loads(header["options"])
        encoder = options["encoder"]
        width, keras = encoder["width"], encoder["architecture"] == "Keras"
        filters = [(f * width // 64 + 15) // 16 * 16 for f in (256, 192, 128, 64, 32)]
        self.encoder = Encoder(width, keras, norm(encoder), encoder["padding"].lower(), "1x1" if keras else "3x3")
        self.decoder = Decoder(
            [width] + [width * c for c in (4, 8, 16, 32)], filters, options["classes"], norm(options) if options["decoder_batch_norm"] else None, options["spatial_dropout"]
        )

    def forward(self, images):
        return self.decoder(self.encoder(images))


def norm(options):
    """ε and momentum, which is the weight of the new value here as there."""
    return {"eps": options["batch_norm"]["eps"], "momentum": options["batch_norm"]["momentum"]}


def read(path):
    """Tensors and settings of a safetensors file of float32: 8 bytes length of the header, the header as JSON, the numbers."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        data = bytearray(file.read())
    settings = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] != "F32":
            raise ValueError("%s: %s is %s, expected F32" % (path, name, entry["dtype"]))
        begin, end = entry["data_offsets"]
        tensors[name] = torch.frombuffer(data, dtype=torch.float32, count=(end - begin) // 4, offset=begin).reshape(entry["shape"])
    return tensors, settings


def load(path="model.safetensors"):
    """The network with its weights, in eval mode."""
    tensors, settings = read(path)
    if "group_normalization" in settings:
        raise ValueError("%s: batch norm is replaced by group normalisation, which this module does not have. Undo it first." % path)
    model = UNetResNet50(settings)
    model.load_state_dict(tensors)
    return model.eval()


def save(model, path):
    """Writes the network as load and UNetResNet50.Load read it: float32, without num_batches_tracked, which nothing there counts."""
    state = {n: t.detach().cpu().float().contiguous() for n, t in model.state_dict().items() if not n.endswith(".num_batches_tracked")}
    header, position = {"__metadata__": model.header}, 0
    for name, tensor in state.items():
        size = 4 * tensor.numel()
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [position, position + size]}
        position += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path + ".tmp", "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for tensor in state.values():
            file.write(ctypes.string_at(tensor.data_ptr(), 4 * tensor.numel()))
    os.replace(path + ".tmp", path)


def check(folder):
    """The largest difference from the logits in check.safetensors, and the largest of those."""
    expected, _ = read(os.path.join(folder, "check.safetensors"))
    with torch.no_grad():
        logits = load(os.path.join(folder, "model.safetensors"))(expected["input"])
    return float((logits - expected["logits"]).abs().max()), float(expected["logits"].abs().max())


if __name__ == "__main__":
    difference, largest = check(os.path.dirname(os.path.abspath(__file__)))
    right = difference <= 1e-4 * max(1.0, largest)
    print("%s: largest difference %.3g, largest logit %.3g" % ("the same logits" if right else "OTHER LOGITS", difference, largest))
    sys.exit(0 if right else 1)
