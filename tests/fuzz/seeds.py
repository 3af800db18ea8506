"""Small valid files that the fuzzing starts from, written by the real libraries.

    /usr/bin/python3 tests/fuzz/seeds.py

writes tests/fuzz/seeds/; with the argument "pictures" only the pictures and volumes. Needs h5py, NumPy, PyTorch and Pillow (Debian's python3-h5py, python3-torch and
python3-pil). safetensors and .dat are written by the program itself.
"""
import gzip
import struct
import sys
from collections import OrderedDict
from pathlib import Path

import numpy as np
from PIL import Image

FOLDER = Path(__file__).parent / "seeds"


def layers():
    kernel = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    yield "conv1", [("conv1_W:0", kernel), ("conv1_b:0", np.ones(4, np.float32))]
    yield "activation_1", []
    yield "bn", [("bn/%s:0" % name, np.full(4, 0.5, np.float32)) for name in ("gamma", "beta", "moving_mean", "moving_variance")]


def keras(name, texts=np.array, **storage):
    import h5py

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
    import h5py

    return np.array([t.decode() for t in texts], dtype=h5py.string_dtype())


def latest(name):
    """Object headers and superblock of the new kind, few enough links to stay out of fractal heaps."""
    import h5py

    with h5py.File(FOLDER / name, "w", libver="latest") as file:
        group = file.create_group("conv1")
        group.attrs["weight_names"] = np.array([b"kernel:0", b"bias:0"])
        group.create_dataset("kernel:0", data=np.arange(24, dtype=np.float64).reshape(1, 2, 3, 4))
        group.create_dataset("bias:0", data=np.ones(4, ">f2"))
        file["alias"] = h5py.SoftLink("/conv1")
        file.attrs["layer_names"] = np.array([b"alias"])


def pictures():
    """Every kind of pixel that PNG and JPEG have and that Pillow writes; the quarter turn of EXIF; a progressive JPEG and one in four inks."""
    y, x = np.mgrid[0:20, 0:28]
    grey = ((x * 9 + y * 5) % 256).astype(np.uint8)
    colour = Image.fromarray(np.stack([grey, 255 - grey, (grey // 2)], axis=2))
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.fromarray(grey).save(FOLDER / "grey.png")
    Image.fromarray((grey > 99)).save(FOLDER / "bits.png")
    Image.fromarray(grey.astype(np.uint16) * 257).save(FOLDER / "deep.png")
    colour.quantize(16).save(FOLDER / "palette.png", transparency=3)
    colour.save(FOLDER / "turned.png", exif=turned)
    Image.merge("RGBA", [*colour.split(), Image.fromarray(grey)]).save(FOLDER / "clear.png")
    colour.save(FOLDER / "colour.jpg", quality=80, exif=turned)
    colour.save(FOLDER / "progressive.jpg", quality=80, progressive=True)
    Image.fromarray(grey).save(FOLDER / "grey.jpg", quality=80)
    colour.convert("CMYK").save(FOLDER / "inks.jpg", quality=80)


def volumes():
    """NIfTI-1: 4 x 5 x 3 voxels of 16 bits, axes to the right, the front and the top; plain and packed."""
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, 4, 5, 3, 1, 1, 1, 1)
    struct.pack_into("<2h", header, 70, 4, 16)
    struct.pack_into("<4f", header, 76, 1, 1, 1, 1)
    struct.pack_into("<3f", header, 108, 352, 0.5, -3)
    struct.pack_into("<2h", header, 252, 1, 1)
    struct.pack_into("<12f", header, 280, 1, 0, 0, -90, 0, 1, 0, -125, 0, 0, 1, -71)
    header[344:348] = b"n+1\0"
    volume = bytes(header) + np.arange(60, dtype="<i2").tobytes()
    (FOLDER / "plain.nii").write_bytes(volume)
    (FOLDER / "packed.nii").write_bytes(gzip.compress(volume, mtime=0))


def main():
    FOLDER.mkdir(exist_ok=True)
    pictures()
    volumes()
    if sys.argv[1:] == ["pictures"]:
        return
    import torch

    keras("old.h5")
    keras("variable.h5", texts=variable)
    keras("chunked.h5", chunks=(1, 2, 2, 3), compression="gzip", shuffle=True, fletcher32=True)
    latest("new.h5")
    state = OrderedDict(weight=torch.arange(6, dtype=torch.float32).reshape(2, 3), turned=torch.arange(6.0).reshape(2, 3).t(), half=torch.ones(3).half(), count=torch.tensor(7))
    torch.save(state, FOLDER / "plain.pth")
    torch.save({"epoch": 3, "state_dict": torch.nn.Sequential(torch.nn.Conv2d(1, 2, 1), torch.nn.BatchNorm2d(2)).state_dict(), "rate": 1e-3}, FOLDER / "nested.pth")


main()
