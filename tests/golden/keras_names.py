"""Layers of Keras's ResNet50 in the order of model.layers, under both generations of names, and the hash of keras_resnet50.py."""
import numpy as np


def uniform(key, count):
    seed = 2166136261
    for byte in key.encode():
        seed = (seed ^ byte) * 16777619 & 0xFFFFFFFF
    x = np.arange(count, dtype=np.uint32) * np.uint32(2654435761) + np.uint32(seed)
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    x = (x ^ (x >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    x ^= x >> np.uint32(16)
    return (x >> np.uint32(8)).astype(np.float64) / 2**23 - 1


def layers(width, top):
    """(name to 2.2.4, name in keras-applications 1.0.8, kind, shape as PyTorch has it)"""
    yield "input_1", "input_1", "none", ()
    yield "conv1", "conv1_conv", "conv", (width, 3, 7, 7)
    yield "bn_conv1", "conv1_bn", "norm", (width,)
    yield "activation_1", "conv1_relu", "none", ()
    channels = width
    for stage, letters in ((2, "abc"), (3, "abcd"), (4, "abcdef"), (5, "abc")):
        inner = width * 2 ** (stage - 2)
        for index, letter in enumerate(letters):
            old, new = "%d%s_branch" % (stage, letter), "conv%d_block%d" % (stage, index + 1)
            # Keras sorts by depth: the shortcut stands beside the last convolution of the main branch.
            last = [("2c", 3, (4 * inner, inner, 1, 1))] + ([("1", 0, (4 * inner, channels, 1, 1))] if index == 0 else [])
            for rank in [[("2a", 1, (inner, channels, 1, 1))], [("2b", 2, (inner, inner, 3, 3))], last]:
                for branch, part, shape in rank:
                    yield "res" + old + branch, "%s_%d_conv" % (new, part), "conv", shape
                for branch, part, shape in rank:
                    yield "bn" + old + branch, "%s_%d_bn" % (new, part), "norm", shape[:1]
            channels = 4 * inner
    if top:
        yield "fc1000", "predictions", "dense", (1000, channels)
