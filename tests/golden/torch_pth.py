"""State dicts written by the real PyTorch, for PyTorchFileTests.

    /usr/bin/python3 tests/golden/torch_pth.py KIND FILE
"""
import os
import sys
from collections import OrderedDict

import torch

kind, path = sys.argv[1:]
numbers = torch.arange(24, dtype=torch.float32)
state = OrderedDict(
    whole=numbers.reshape(2, 3, 4),
    turned=numbers.reshape(4, 6).t(),
    part=numbers[5:9],
    half=torch.tensor([0.5, -2.0], dtype=torch.float16),
    count=torch.tensor(7),
    empty=torch.empty(0, 3),
)


class Program:
    def __reduce__(self):
        return os.system, ("echo executed",)


if kind == "plain":
    torch.save(state, path)
elif kind == "nested":
    torch.save({"epoch": 3, "state_dict": state, "rate": 1e-3, "optimizer": {"state": {0: {}}, "flags": [True, None]}}, path)
elif kind == "module":
    torch.save(torch.nn.Sequential(OrderedDict(conv=torch.nn.Conv2d(3, 16, 3), norm=torch.nn.BatchNorm2d(16))).state_dict(), path)
elif kind == "legacy":
    torch.save(state, path, _use_new_zipfile_serialization=False)
elif kind == "program":
    torch.save({"weight": Program()}, path)
elif kind == "whole-module":
    torch.save(torch.nn.Conv2d(3, 16, 3), path)
else:
    sys.exit("unknown kind " + kind)
