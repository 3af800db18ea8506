"""Reading pairs of images and masks with Pillow and numpy, as one would write it there; each line on stdin reads all of them once.

    python images.py IMAGES MASKS SIDE

Prints "ready", then the milliseconds of each reading: "pairs" makes float arrays (3, SIDE, SIDE) and (1, SIDE, SIDE), "images" resizes the images alone.
"draft_pairs" and "draft_images" first ask Pillow to decode JPEG at a half, quarter or eighth of its size, as far as that is not below SIDE.
"""
import os
import sys
import time

import numpy as np
from PIL import Image

images, masks, side = sys.argv[1], sys.argv[2], int(sys.argv[3])
names = sorted(os.listdir(images))


def read(name, draft):
    image = Image.open(os.path.join(images, name))
    if draft:
        image.draft("RGB", (side, side))
    return image.convert("RGB").resize((side, side), Image.BOX)


def pairs(draft=False):
    for name in names:
        image = read(name, draft)
        mask = Image.open(os.path.join(masks, os.path.splitext(name)[0] + ".png")).resize((side, side), Image.BOX)
        pixels = np.asarray(image, dtype=np.float32).transpose(2, 0, 1)
        # Keras's caffe preprocessing.
        pixels = pixels[::-1] - np.array([103.939, 116.779, 123.68], dtype=np.float32).reshape(3, 1, 1)
        target = (np.asarray(mask) > 127).astype(np.float32)[None]
        assert pixels.shape == (3, side, side) and target.shape == (1, side, side)


def only_images(draft=False):
    for name in names:
        read(name, draft)


work = {"pairs": pairs, "images": only_images, "draft_pairs": lambda: pairs(draft=True), "draft_images": lambda: only_images(draft=True)}
print("ready", flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    work[line.strip()]()
    print("%.3f" % ((time.perf_counter() - start) * 1000), flush=True)
