"""Keras weights files with one layer 'dense' whose kernel (5, 7) is 0, 1, 2 … 34, stored in the ways that HDF5 offers, for Hdf5StorageTests.

    /usr/bin/python3 tests/golden/h5_storage.py KIND FILE
"""
import sys

import h5py
import numpy as np

kind, path = sys.argv[1:]
numbers = np.arange(35, dtype=np.float32).reshape(5, 7)
libver = "latest" if kind.startswith("latest") else "earliest"
with h5py.File(path, "w", libver=libver) as file:
    text = (lambda t: np.array([x.decode() for x in t], h5py.string_dtype())) if kind == "variable" else np.array
    file.attrs["layer_names"] = text([b"dense"])
    group = file.create_group("dense", track_order=kind == "ordered")
    group.attrs["weight_names"] = text([b"kernel:0"])
    if kind == "variable":
        file.attrs["keras_version"] = "2.1.3 – ü"
    storage, dtype = {}, np.float32
    if kind == "chunks":
        storage = dict(chunks=(2, 3))
    elif kind == "resizable":
        storage = dict(chunks=(4, 16), maxshape=(None, None))
    elif kind == "gzip":
        storage = dict(chunks=(2, 3), compression="gzip", shuffle=True, fletcher32=True)
    elif kind == "lzf":
        storage = dict(chunks=(2, 3), compression="lzf")
    elif kind == "latest-chunks":
        storage = dict(chunks=(2, 3))
    elif kind in ("big", "half", "double"):
        dtype = {"big": ">f4", "half": np.float16, "double": np.float64}[kind]

    if kind == "compact":
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_layout(h5py.h5d.COMPACT)
        dataset = h5py.h5d.create(group.id, b"kernel:0", h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple((5, 7)), properties)
        dataset.write(h5py.h5s.ALL, h5py.h5s.ALL, numbers)
    elif kind == "raw":
        group.create_dataset("kernel:0", (5, 7), np.float32, external=[(path + ".raw", 0, h5py.h5f.UNLIMITED)])[:] = numbers
    elif kind == "virtual":
        layout = h5py.VirtualLayout((5, 7), np.float32)
        layout[:] = h5py.VirtualSource(path + ".other", "x", (5, 7))
        group.create_virtual_dataset("kernel:0", layout)
    elif kind == "unwritten":
        group.create_dataset("kernel:0", (5, 7), np.float32)
    elif kind == "holes":
        group.create_dataset("kernel:0", (5, 7), np.float32, chunks=(2, 3))[:2] = numbers[:2]
    elif kind == "soft":
        file["elsewhere"] = numbers
        group["kernel:0"] = h5py.SoftLink("/elsewhere")
    elif kind == "external":
        group["kernel:0"] = h5py.ExternalLink(path + ".other", "/elsewhere")
        with h5py.File(path + ".other", "w") as other:
            other["elsewhere"] = numbers
    else:
        group.create_dataset("kernel:0", data=numbers.astype(dtype), **storage)

    if kind == "many":
        for i in range(500):
            group.create_dataset("other%d" % i, data=np.float32(i))
        group.attrs["weight_names"] = np.array([b"kernel:0"] + [b"other%d" % i for i in range(500)])
    elif kind == "latest-many":
        for i in range(20):
            group.create_dataset("other%d" % i, data=np.float32(i))
    elif kind == "latest-attributes":
        for i in range(20):
            group.attrs["other%d" % i] = i
