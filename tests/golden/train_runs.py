"""Trains with the exported train.py as its tests need it: python train_runs.py FOLDER, alone or under torch.distributed.run.

FOLDER holds the export, images/, masks/, split.csv and validation.safetensors, a batch of images as the network takes them. Every run adds its losses to NAME-PROCESSES.log there.
"""
import os
import sys

folder = sys.argv[1]
sys.path.insert(0, folder)

from train import main  # noqa: E402
from unet_resnet50 import load, read, write  # noqa: E402

rank, size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))


def inside(name):
    return os.path.join(folder, name)


def run(name, *arguments):
    common = ["--images", inside("images"), "--masks", inside("masks"), "--split", inside("split.csv"), "--side", "64", "--batch-size", "4", "--device", "cpu"]
    code = main([*common, "--learning-rate", "1e-4", "--log", inside("%s-%d.log" % (name, size)), *arguments])
    if code:
        sys.exit(code)


def logits(name):
    """What PyTorch computes with a file that train.py wrote."""
    if rank == 0:
        images, _ = read(inside("validation.safetensors"))
        write(inside(name + ".logits.safetensors"), {"logits": load(inside(name + ".safetensors"))(images["input"])}, {})


trained = "still-%d" % size
# Adam turns a rounding error of a gradient near zero into a step of the learning rate: a small one keeps 20 steps together.
still = ["--frozen", "Inference", "--decoder-norm", "AffineOnly", "--epochs", "5", "--learning-rate", "2e-5"]
run("still", *still, "--steps", "20", "--output", inside(trained + ".safetensors"))
logits(trained)
run("local", "--frozen", "Keras213", "--epochs", "1", "--steps", "3")
run("sync", "--frozen", "Keras213", "--epochs", "1", "--steps", "3", "--sync-batch-norm")
run("recalibrated", "--epochs", "0", "--recalibrate", "--output", inside("recalibrated-%d.safetensors" % size))

if size == 1:
    # Moments, averages and dropout: everything that a checkpoint has to hold.
    settings = ["--weights", inside("dropout.safetensors"), "--frozen", "Trainable", "--epochs", "3", "--checkpoint-every", "2"]
    run("whole", *settings, "--steps", "6", "--checkpoints", inside("whole"))
    run("halves", *settings, "--steps", "2", "--checkpoints", inside("halves"))
    run("halves", *settings, "--steps", "6", "--checkpoints", inside("halves"), "--resume")
