"""Labelled images, loaded or generated, all with one interface; NumPy and Pillow only.

scikit-learn (digits) and matplotlib's fonts (glyphs) are needed by those two sets alone, when they are
asked for.
"""

from pixeltree.datasets.dataset import NOWHERE, Dataset, Splits, Task, deal, grey_levels, split
from pixeltree.datasets.digits import digits, held_out_digits
from pixeltree.datasets.folders import image_folder, image_folders
from pixeltree.datasets.glyphs import GlyphSettings, glyphs
from pixeltree.datasets.idx import idx_folder, idx_pair
from pixeltree.datasets.mnist import held_out_mnist
from pixeltree.datasets.scenes import Scenes, SceneSettings, scene_splits, scenes

__all__ = [
    "NOWHERE",
    "Dataset",
    "GlyphSettings",
    "SceneSettings",
    "Scenes",
    "Splits",
    "Task",
    "deal",
    "digits",
    "glyphs",
    "grey_levels",
    "held_out_digits",
    "held_out_mnist",
    "idx_folder",
    "idx_pair",
    "image_folder",
    "image_folders",
    "scene_splits",
    "scenes",
    "split",
]
