"""The shipped network for small pictures: small_weights.py FILE. An emulated machine, where a function does each
multiplication, takes two seconds a frame at the usual size, and a worker that is silent for five is taken for hung.
Smaller than this, the network takes parts of the checkerboard that is the secret for a person.
"""

import sys
from dataclasses import replace
from pathlib import Path

from segnet.weights import DEFAULT, load_weights, save_weights

network, info = load_weights(DEFAULT)
save_weights(Path(sys.argv[1]), network.state_dict(), replace(info, input_sizes=((256, 144),)))
