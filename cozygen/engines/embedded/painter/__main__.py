"""Writes the example picture, a PNG, to standard output."""

import sys

from cozygen.engines.embedded.painter import example_image

sys.stdout.buffer.write(example_image())
