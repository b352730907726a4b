"""Write into a tree's file which images it was made with; for trees made before files kept that.

    python tools/record_data.py host/pixeltree/data/glyphs.ptree recipes/glyphs.toml

Neither networks nor objects change, so the tree's digest stays. The file cannot tell whether the tree was
made with this recipe: whoever runs this says so.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from pixeltree.datasets.record import TrainingData
from pixeltree.datasets.sources import describe
from pixeltree.evaluate.evaluation import check_fits
from pixeltree.train.recipe import load_recipe
from pixeltree.tree.tree import Tree


def main() -> None:
    """Load the data, check that the tree is for them, write."""
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("tree", type=Path)
    arguments.add_argument("recipe", type=Path)
    chosen = arguments.parse_args()
    tree, recipe = Tree.load(chosen.tree), load_recipe(chosen.recipe)
    splits = recipe.load_data()
    check_fits(tree, splits.test)
    recorded = replace(tree, data=TrainingData.of(recipe.data, splits))
    recorded.save(chosen.tree)
    sys.stdout.write(f"{chosen.tree}: {describe(recipe.data)}\n")


if __name__ == "__main__":
    main()
