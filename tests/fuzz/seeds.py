"""Small valid files that the fuzzing starts from, written by the real libraries.

    /usr/bin/python3 tests/fuzz/seeds.py

writes tests/fuzz/seeds/. Needs h5py, NumPy and PyTorch (Debian's python3-h5py and python3-torch). safetensors and .dat are written by the program itself.
"""
from collections import OrderedDict
from pathlib import Path

import h5py
import numpy as np
import torch

FOLDER = Path(__file__).parent / "seeds"


def layers():
    kernel = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    yield "conv1", [("conv1_W:0", kernel), ("conv1_b:0", np.ones(4, np.float32))]
    yield "activation_1", []
    yield "bn", [("bn/%s:0" % name, np.full(4, 0.5, np.float32)) for name in ("gamma", "beta", "moving_mean", "moving_variance")]


def keras(name, texts=np.array, **storage):
    with h5py.File(FOLDER / name, "w", libver="earliest") as file:
        names = []
        for layer, weights in layers():
            names.append(layer)
            group = file.create_group(layer)
            group.attrs["weight_names"] = texts([n.encode() for n, _ in weights])
            for weight, array in weights:
                group.create_dataset(weight, data=array, **(storage if array.ndim > 1 else {}))
        file.attrs["layer_names"] = texts([n.encode() for n in names])
        file.attrs["backend"] = np.bytes_("tensorflow")


def variable(texts):
    return np.array([t.decode() for t in texts], dtype=h5py.string_dtype())


def latest(name):
    """Object headers and superblock of the new kind, few enough links to stay out of fractal heaps."""
    with h5py.File(FOLDER / name, "w", libver="latest") as file:
        group = file.create_group("conv1")
        group.attrs["weight_names"] = np.array([b"kernel:0", b"bias:0"])
        group.create_dataset("kernel:0", data=np.arange(24, dtype=np.float64).reshape(1, 2, 3, 4))
        group.create_dataset("bias:0", data=np.ones(4, ">f2"))
        file["alias"] = h5py.SoftLink("/conv1")
        file.attrs["layer_names"] = np.array([b"alias"])


def main():
    FOLDER.mkdir(exist_ok=True)
    keras("old.h5")
    keras("variable.h5", texts=variable)
    keras("chunked.h5", chunks=(1, 2, 2, 3), compression="gzip", shuffle=True, fletcher32=True)
    latest("new.h5")
    state = OrderedDict(weight=torch.arange(6, dtype=torch.float32).reshape(2, 3), turned=torch.arange(6.0).reshape(2, 3).t(), half=torch.ones(3).half(), count=torch.tensor(7))
    torch.save(state, FOLDER / "plain.pth")
    torch.save({"epoch": 3, "state_dict": torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.BatchNorm2d(2)).state_dict(), "rate": 1e-3}, FOLDER / "nested.pth")


main()
