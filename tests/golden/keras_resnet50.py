"""Golden values of Keras 2.1's ResNet50 and of the U-Net decoder on it.

    /usr/bin/python3 tests/golden/keras_resnet50.py > tests/golden/keras_resnet50.json

needs PyTorch (any; written with 1.13, Debian's python3-torch) and NumPy, takes a minute or two. GoldenValuesTests.cs fills the kit's
network with the same numbers and compares.

Why it can be trusted: nothing here comes from the kit. The network is written down a second time, from Keras's description
(keras.applications.resnet50 2.1: names, blocks, stride on the first 1x1, 'same' padding by TensorFlow's formula, epsilon 1e-3) and the
decoder's, as plain functions over a dictionary of weights:
  * the strided 1x1 convolutions are strided convolutions of PyTorch, where the kit takes every second pixel first;
  * symmetric padding is the padding argument of conv2d and max_pool2d, where the kit pads beforehand;
  * batch normalisation is written out as a formula, nearest upsampling as a repetition of rows and columns;
  * everything is computed in float64, so that the golden values carry no rounding worth mentioning;
  * weights are a hash of the layer's name and the element's index, exact in float32: a layer of another name, order or shape
    gets other numbers.
"""
import json
import math

import numpy as np
import torch
import torch.nn.functional as F

EPSILON = 1e-3
STAGES = {2: "abc", 3: "abcd", 4: "abcdef", 5: "abc"}


def uniform(key, count):
    """count numbers in [-1, 1): FNV-1a of the key starts murmur3's finaliser over the indices; 24 bits, exact in float32."""
    seed = 2166136261
    for byte in key.encode():
        seed = (seed ^ byte) * 16777619 & 0xFFFFFFFF
    x = np.arange(count, dtype=np.uint32) * np.uint32(2654435761) + np.uint32(seed)
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    x ^= x >> np.uint32(16)
    return (x >> np.uint32(8)).astype(np.float64) / 2**23 - 1


def fill(key, shape, offset, scale):
    values = (offset + scale * uniform(key, int(np.prod(shape)))).astype(np.float32)
    return torch.from_numpy(values.astype(np.float64)).reshape(shape)


def convolution(x, name, filters, size, stride=1, padding=0):
    inputs = x.shape[1]
    # Uniform with the variance 2 / fan-in of He.
    kernel = fill(name + ".weight", (filters, inputs, size, size), 0, math.sqrt(6 / (inputs * size * size)))
    return F.conv2d(x, kernel, fill(name + ".bias", (filters,), 0, 0.1), stride=stride, padding=padding)


def batch_norm(x, name):
    def per_channel(part, offset, scale):
        return fill(name + part, (x.shape[1],), offset, scale).reshape(1, -1, 1, 1)

    mean = per_channel(".running_mean", 0, 0.1)
    variance = per_channel(".running_var", 1.5, 0.5)
    gamma = per_channel(".weight", 1, 0.2)
    beta = per_channel(".bias", 0, 0.1)
    return gamma * (x - mean) / (variance + EPSILON) ** 0.5 + beta


def same_padding(side, size, stride):
    """TensorFlow's documentation of padding='SAME': the odd pixel goes after."""
    total = max((size - stride) if side % stride == 0 else (size - side % stride), 0)
    return total // 2, total - total // 2


def pad_same(x, size, stride, value):
    top, bottom = same_padding(x.shape[2], size, stride)
    left, right = same_padding(x.shape[3], size, stride)
    return F.pad(x, (left, right, top, bottom), value=value)


def block(x, stage, letter, filters, stride, project):
    name = "%d%s_branch" % (stage, letter)
    y = F.relu(batch_norm(convolution(x, "res" + name + "2a", filters, 1, stride), "bn" + name + "2a"))
    y = F.relu(batch_norm(convolution(y, "res" + name + "2b", filters, 3, padding=1), "bn" + name + "2b"))
    y = batch_norm(convolution(y, "res" + name + "2c", 4 * filters, 1), "bn" + name + "2c")
    if project:
        x = batch_norm(convolution(x, "res" + name + "1", 4 * filters, 1, stride), "bn" + name + "1")
    return F.relu(y + x)


def encoder(x, width, padding):
    if padding == "same":
        x = convolution(pad_same(x, 7, 2, 0), "conv1", width, 7, 2)
    else:
        x = convolution(x, "conv1", width, 7, 2, padding=3)
    x = F.relu(batch_norm(x, "bn_conv1"))
    features = [x]
    if padding == "same":
        x = F.max_pool2d(pad_same(x, 3, 2, -float("inf")), 3, 2)
    else:
        x = F.max_pool2d(x, 3, 2, padding=1)
    for stage, letters in STAGES.items():
        for letter in letters:
            first = letter == "a"
            x = block(x, stage, letter, width * 2 ** (stage - 2), 2 if first and stage > 2 else 1, first)
        features.append(x)
    return features


def decoder(features, filters, with_batch_norm):
    x = features[4]
    for level, skip in enumerate([features[3], features[2], features[1], features[0], None]):
        x = x.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
        if skip is not None:
            x = torch.cat([x, skip], dim=1)
        for half in (1, 2):
            name = "conv%d_%d" % (level + 6, half)
            x = convolution(x, name + "_conv", filters[level], 3, padding=1)
            x = F.relu(batch_norm(x, name + "_bn") if with_batch_norm else x)
    return convolution(x, "prediction", 1, 1)


def describe(x):
    flat = x.reshape(-1)
    # Elements spread over the whole tensor: first, last, and eight between.
    indices = [round(k * (flat.numel() - 1) / 9) for k in range(10)]
    return {
        "shape": list(x.shape),
        "sum": float(flat.sum()),
        "norm": float(flat.norm()),
        "elements": {str(i): float(flat[i]) for i in indices},
    }


def main():
    filters = {64: [256, 192, 128, 64, 32], 16: [64, 48, 32, 16, 16]}
    cases = []
    for width in (16, 64):
        for padding in ("same", "symmetric"):
            for height, breadth in ((64, 96), (75, 53)):
                images = fill("images", (2, 3, height, breadth), 0, math.sqrt(3))
                features = encoder(images, width, padding)
                case = {"width": width, "padding": padding, "height": height, "breadth": breadth, "features": [describe(f) for f in features]}
                # The U-Net takes sides divisible by 32 only.
                if height % 32 == 0:
                    case["logits"] = describe(decoder(features, filters[width], True))
                    case["logits_no_bn"] = describe(decoder(features, filters[width], False))
                cases.append(case)
    print(json.dumps(cases, indent=1))


if __name__ == "__main__":
    main()
