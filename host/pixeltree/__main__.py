"""``python -m pixeltree``: the same as ``pixeltree``."""

from pixeltree.cli import main

if __name__ == "__main__":
    main()
