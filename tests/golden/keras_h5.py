"""Weights files of Keras's ResNet50 as HDF5 itself writes them, in every generation of names.

    /usr/bin/python3 tests/golden/keras_h5.py FORM WIDTH FILE

FORM is keras1 (conv1_W:0, running_std, no keras_version), keras2 (conv1/kernel:0), split (keras2 with layer_names0 …), full (a whole model: the
weights under model_weights), applications (conv2_block1_1_conv) or top (keras1 with fc1000). Needs h5py and NumPy (Debian's python3-h5py).
Numbers are the hash of keras_resnet50.py under the kit's state keys, so that a loaded network has known golden values. Running variances stand under the
name running_std in keras1, as in the files of 2016; kernels are (height, width, in, out).

    /usr/bin/python3 tests/golden/keras_h5.py hostile KIND FILE

writes a hostile file: cyclic, softcycle, external, missing, integers, huge, nan or noorder.
    /usr/bin/python3 tests/golden/keras_h5.py dump FILE

prints, for every weight in Keras's order, its name, shape and sum: what an independent reader sees.
    /usr/bin/python3 tests/golden/keras_h5.py compare FILE FILE

prints "the same" if layers with weights, names and numbers are, in the same order and under attributes of the same kind.
"""
import math
import sys

import h5py
import numpy as np

from keras_names import layers, uniform


def numbers(key, shape):
    part = key.split(".")[-1]
    offset, scale = {"bias": (0, 0.1), "running_mean": (0, 0.1), "running_var": (1.5, 0.5), "weight": (1, 0.2)}[part]
    if part == "weight" and len(shape) == 4:
        offset, scale = 0, math.sqrt(6 / np.prod(shape[1:]))
    return (offset + scale * uniform(key, int(np.prod(shape)))).astype(np.float32).reshape(shape)


def write_layer(root, name, arrays):
    group = root.create_group(name)
    group.attrs["weight_names"] = np.array([n.encode() for n, _ in arrays])
    for weight_name, array in arrays:
        group.create_dataset(weight_name, data=array)


def write(form, width, path):
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if form == "full" else file
        names = []
        for kit, applications, kind, shape in layers(width, form == "top"):
            name = applications if form == "applications" else kit
            names.append(name)
            if kind == "none":
                write_layer(root, name, [])
                continue
            if kind == "norm":
                keys = ["weight", "bias", "running_mean", "running_var"]
                old = ["gamma", "beta", "running_mean", "running_std"]
                new = ["gamma", "beta", "moving_mean", "moving_variance"]
            else:
                keys, old, new = ["weight", "bias"], ["W", "b"], ["kernel", "bias"]
            arrays = []
            for key, was, now in zip(keys, old, new):
                array = numbers(kit + "." + key, shape if key == "weight" and kind != "norm" else shape[:1])
                if array.ndim == 4:
                    array = array.transpose(2, 3, 1, 0)
                elif array.ndim == 2:
                    array = array.T
                arrays.append((name + "_" + was + ":0" if form in ("keras1", "top") else name + "/" + now + ":0", np.ascontiguousarray(array)))
            write_layer(root, name, arrays)
        encoded = [n.encode() for n in names]
        if form == "split":
            half = len(encoded) // 2
            root.attrs["layer_names0"], root.attrs["layer_names1"] = np.array(encoded[:half]), np.array(encoded[half:])
        else:
            root.attrs["layer_names"] = np.array(encoded)
        if form not in ("keras1", "top"):
            root.attrs["keras_version"], root.attrs["backend"] = np.bytes_("2.1.3"), np.bytes_("tensorflow")


def hostile(kind, path):
    ok = [("conv1_W:0", np.ones((7, 7, 3, 16), np.float32)), ("conv1_b:0", np.ones(16, np.float32))]
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = np.array([b"res2a_branch2a", b"conv1"])
        write_layer(file, "res2a_branch2a", [("res2a_branch2a_W:0", np.ones((1, 1, 16, 16), np.float32)), ("res2a_branch2a_b:0", np.ones(16, np.float32))])
        if kind == "cyclic":
            group = file.create_group("conv1")
            group["conv1_W:0"] = file
            group["loop"] = group
            group.attrs["weight_names"] = np.array([b"loop/loop/loop/loop/conv1_W:0"])
        elif kind == "softcycle":
            file["conv1"] = h5py.SoftLink("/other")
            file["other"] = h5py.SoftLink("/conv1")
        elif kind == "external":
            file["conv1"] = h5py.ExternalLink("/elsewhere.h5", "/conv1")
        elif kind == "integers":
            write_layer(file, "conv1", [("conv1_W:0", np.ones((7, 7, 3, 16), np.int32)), ok[1]])
        elif kind == "huge":
            group = file.create_group("conv1")
            group.create_dataset("conv1_W:0", (1 << 20, 1 << 20, 3, 16), np.float32, chunks=(1, 1, 3, 16))
            group.attrs["weight_names"] = np.array([b"conv1_W:0"])
        elif kind == "nan":
            write_layer(file, "conv1", [("conv1_W:0", np.full((7, 7, 3, 16), np.nan, np.float32)), ok[1]])
        elif kind == "noorder":
            write_layer(file, "conv1", [ok[1], ok[0]])
        elif kind != "missing":
            raise SystemExit("unknown kind " + kind)


def dump(path):
    with h5py.File(path, "r") as file:
        for layer in file.attrs["layer_names"]:
            group = file[layer.decode()]
            for name in group.attrs["weight_names"]:
                array = group[name.decode()][()]
                print(layer.decode(), name.decode(), array.dtype, "x".join(map(str, array.shape)), repr(float(array.astype(np.float64).sum())))


def weighty(file):
    for layer in file.attrs["layer_names"]:
        group = file[layer]
        if len(group.attrs["weight_names"]):
            assert group.attrs["weight_names"].dtype.kind == "S"
            yield layer, [(name, group[name][()]) for name in group.attrs["weight_names"]]


def compare(first, second):
    with h5py.File(first, "r") as a, h5py.File(second, "r") as b:
        assert a.attrs["layer_names"].dtype.kind == b.attrs["layer_names"].dtype.kind == "S"
        assert set(a.attrs) == set(b.attrs), (set(a.attrs), set(b.attrs))
        left, right = list(weighty(a)), list(weighty(b))
        assert [(layer, [name for name, _ in arrays]) for layer, arrays in left] == [(layer, [name for name, _ in arrays]) for layer, arrays in right]
        for (layer, mine), (_, theirs) in zip(left, right):
            for (name, x), (_, y) in zip(mine, theirs):
                assert x.dtype == y.dtype and x.shape == y.shape and np.array_equal(x, y), (layer, name)
    print("the same")


if sys.argv[1] == "hostile":
    hostile(*sys.argv[2:])
elif sys.argv[1] == "dump":
    dump(sys.argv[2])
elif sys.argv[1] == "compare":
    compare(*sys.argv[2:])
else:
    write(sys.argv[1], int(sys.argv[2]), sys.argv[3])
